"""How a key's quota is told to clients (draft-ietf-httpapi-ratelimit-headers-10). Pure."""

from dataclasses import dataclass

#: Seconds over which a quota counts.
QUOTA_WINDOW_S = 60


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a quota: predictions that may be created, and the seconds for which that is all."""

    left: int
    resets_s: int


def rate_limit(allowance: Allowance, quota: int | None) -> dict[str, str]:
    """Return ``RateLimit`` and ``RateLimit-Policy`` for a quota of so many predictions a window."""
    return {
        "RateLimit": f'"predictions";r={allowance.left};t={allowance.resets_s}',
        "RateLimit-Policy": f'"predictions";q={quota};w={QUOTA_WINDOW_S}',
    }
