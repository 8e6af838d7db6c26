"""When a webhook is tried again. Pure."""

from datetime import timedelta

#: After the attempt of that number failed; the schedule of the Standard Webhooks specification, whose first
#: attempt is immediate.
_DELAYS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
#: So that receivers that failed together do not come back together.
_JITTER = 0.2


def retry_after(attempts: int, chance: float, asked: timedelta | None = None) -> timedelta | None:
    """Return how long to wait after ``attempts`` failed ones, or None to give up.

    Args:
        attempts: how many were made, at least 1.
        chance: uniform in [0, 1); spreads the delay by ±20 %.
        asked: what the receiver's ``Retry-After`` said; the later of both counts.
    """
    if attempts > len(_DELAYS):
        return None
    delay = _DELAYS[attempts - 1] * (1 - _JITTER + 2 * _JITTER * chance)
    return max(delay, asked) if asked else delay
