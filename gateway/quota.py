"""How a key's quota is told to clients (draft-ietf-httpapi-ratelimit-headers-10). Pure."""

#: Seconds over which a quota counts.
QUOTA_WINDOW_S = 60


def rate_limit(left: int, resets_s: int, quota: int | None) -> dict[str, str]:
    """Return ``RateLimit`` and ``RateLimit-Policy``.

    Args:
        left: predictions that may still be created.
        resets_s: seconds for which that is all.
        quota: predictions a window.
    """
    return {
        "RateLimit": f'"predictions";r={left};t={resets_s}',
        "RateLimit-Policy": f'"predictions";q={quota};w={QUOTA_WINDOW_S}',
    }
