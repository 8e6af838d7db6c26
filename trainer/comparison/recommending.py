"""Which model to take for a given purpose. Pure: figures and wishes in, one name and the reasons out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from trainer.chance import Difference, paired_bootstrap
from trainer.comparison.contestant import Contestant
from trainer.floors import megabytes

RESAMPLES = 1_000


class Aim(StrEnum):
    """What shall be as good as possible."""

    F1 = "f1"
    ACCURACY = "accuracy"
    CALIBRATION = "calibration"
    P99 = "p99"
    THROUGHPUT = "throughput"
    MEMORY = "memory"
    SIZE = "size"


#: The figure of each aim; more is better.
_WORTH: Mapping[Aim, Callable[[Contestant], float]] = {
    Aim.F1: lambda one: one.evaluation.macro_f1,
    Aim.ACCURACY: lambda one: one.evaluation.accuracy,
    Aim.CALIBRATION: lambda one: -one.evaluation.ece,
    Aim.P99: lambda one: -one.serving.single.p99_s,
    Aim.THROUGHPUT: lambda one: one.serving.throughput,
    Aim.MEMORY: lambda one: -one.serving.memory,
    Aim.SIZE: lambda one: -one.serving.size,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What is wanted: one aim, within limits. None: no limit."""

    aim: Aim = Aim.F1
    max_p99_s: float | None = None
    max_memory: int | None = None
    max_size: int | None = None
    min_f1: float | None = None


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The model to take, or None where none is within the limits; the reasons, as sentences."""

    name: str | None
    reasons: tuple[str, ...]


def recommend(contestants: Sequence[Contestant], truth: npt.NDArray[np.int64], goal: Goal) -> Recommendation:
    """Return the best within the limits; of those that are as good up to chance, the fastest."""
    outside = {one.name: over(one, goal) for one in contestants}
    reasons = [f"{name} is out: {'; '.join(why)}" for name, why in outside.items() if why]
    within = [one for one in contestants if not outside[one.name]]
    if not within:
        return Recommendation(None, (*reasons, "none is within the limits: widen them, or train another"))
    best = max(within, key=_WORTH[goal.aim])
    if goal.aim not in {Aim.F1, Aim.ACCURACY}:
        return Recommendation(
            best.name, (f"{best.name} has the best {goal.aim}: {shown(best, goal.aim)}", *reasons)
        )
    equal = [best]
    for one in within:
        if one is best:
            continue
        gap = difference(best, one, truth)
        told = f"macro-F1 {gap.point:+.4f}, 95 % interval {gap.lower:+.4f} to {gap.upper:+.4f}"
        if gap.lower <= 0:
            equal.append(one)
            reasons.insert(0, f"{best.name} against {one.name} may be chance: {told}")
        else:
            reasons.insert(0, f"{best.name} is better than {one.name}: {told}")
    chosen = min(equal, key=lambda one: one.serving.single.p99_s)
    if chosen is best:
        first = f"{best.name} has the best {goal.aim}: {shown(best, goal.aim)}"
    else:
        first = f"{chosen.name} is as good as {best.name} up to chance, and answers faster"
    return Recommendation(chosen.name, (first, *reasons))


def difference(one: Contestant, other: Contestant, truth: npt.NDArray[np.int64]) -> Difference:
    """Return how much better one is on the very same rows."""
    size = len(one.evaluation.labels)
    return paired_bootstrap(truth, one.answered, other.answered, size, RESAMPLES, seed=0)


def over(one: Contestant, goal: Goal) -> list[str]:
    """Return the limits a model does not keep, as clauses."""
    serving, found = one.serving, []
    if goal.max_p99_s is not None and serving.single.p99_s > goal.max_p99_s:
        found.append(
            f"99th percentile {serving.single.p99_s * 1000:.2f} ms, above {goal.max_p99_s * 1000:g} ms"
        )
    if goal.max_memory is not None and serving.memory > goal.max_memory:
        found.append(f"memory {megabytes(serving.memory)}, above {megabytes(goal.max_memory)}")
    if goal.max_size is not None and serving.size > goal.max_size:
        found.append(f"size {megabytes(serving.size)}, above {megabytes(goal.max_size)}")
    if goal.min_f1 is not None and one.evaluation.macro_f1 < goal.min_f1:
        found.append(f"macro-F1 {one.evaluation.macro_f1:.3f}, below {goal.min_f1:g}")
    return found


def shown(one: Contestant, aim: Aim) -> str:
    """Show the figure of an aim as people read it."""
    serving = one.serving
    return {
        Aim.F1: f"{one.evaluation.macro_f1:.4f}",
        Aim.ACCURACY: f"{one.evaluation.accuracy:.4f}",
        Aim.CALIBRATION: f"{one.evaluation.ece:.4f}",
        Aim.P99: f"{serving.single.p99_s * 1000:.2f} ms",
        Aim.THROUGHPUT: f"{serving.throughput:,.0f} texts a second",
        Aim.MEMORY: megabytes(serving.memory),
        Aim.SIZE: megabytes(serving.size),
    }[aim]
