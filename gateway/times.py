"""Times as clients see them: RFC 3339 in UTC, durations in seconds."""

from datetime import UTC, datetime


def rfc3339(at: float | None) -> str | None:
    """Return ``2026-11-22T13:26:00.123456Z`` for seconds since the epoch; None stays None."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def seconds_between(begin: float | None, end: float | None) -> float | None:
    """Return the seconds from one time to a later one, to the microsecond; None where either is unknown."""
    if begin is None or end is None:
        return None
    return round(end - begin, 6)
