"""Times as clients see them: RFC 3339 in UTC."""

from datetime import UTC, datetime


def rfc3339(at: float | None) -> str | None:
    """Return ``2026-11-22T13:26:00.123456Z`` for seconds since the epoch; None stays None."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
