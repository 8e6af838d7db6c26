"""Whether a version that was promoted may stay: its first hours beside those of the one before. Pure.

Taken back is what is worse beyond chance: intervals that do not touch. Whoever answers few texts is judged
late, or not at all.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from monitoring.analysis.intervals import Interval, wilson


class Verdict(StrEnum):
    """What becomes of a new version."""

    WATCH = "watch"
    KEEP = "keep"
    ROLL_BACK = "roll back"


@dataclass(frozen=True, slots=True)
class Health:
    """What one version did: predictions that ended and that failed, its accuracy where people judged it."""

    ended: int
    failed: int
    accuracy: Interval | None = None


@dataclass(frozen=True, slots=True)
class Probation:
    """How long a new version is watched, and from how many ends on it can be judged."""

    period: timedelta
    minimum: int = 50


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict and its reason, with figures."""

    verdict: Verdict
    reason: str


def decide(probation: Probation, before: Health, after: Health, elapsed: timedelta) -> Decision:
    """Judge a version that has been serving for ``elapsed``."""
    if min(before.ended, after.ended) >= probation.minimum:
        old, new = wilson(before.failed, before.ended), wilson(after.failed, after.ended)
        if new.low > old.high:
            why = f"{new.value:.1%} of {after.ended} predictions fail, before it were {old.value:.1%}"
            return Decision(Verdict.ROLL_BACK, why)
    if before.accuracy and after.accuracy and after.accuracy.high < before.accuracy.low:
        right, was = after.accuracy.value, before.accuracy.value
        why = f"{right:.1%} of its judged answers are right, before it were {was:.1%}"
        return Decision(Verdict.ROLL_BACK, why)
    if elapsed >= probation.period:
        return Decision(Verdict.KEEP, "the watch is over")
    return Decision(Verdict.WATCH, "nothing is worse so far")
