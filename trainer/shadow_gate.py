"""The gate's second stage: whether a challenger did well in the champion's shadow. Pure: sums in, words out.

Nobody knows the right answers there, so it does not ask which of the two is better: the first stage has. It
asks what only real traffic can show: that the challenger answers whatever comes, fast enough for what comes,
and that it does not see another world than the champion. Its bounds are wide, because a model that is better
on texts that have changed must disagree.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from contract.latencies import quantile
from contract.shadow import Shadow


class Stage(StrEnum):
    """How far it has come."""

    WAITING = "waiting"
    PASSED = "passed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a challenger must keep to.

    Args:
        texts: so many must have been compared.
        agreement: the least share of them with the champion's label.
        shift: how much greater or less the share of any label may be than with the champion.
        p95_s: seconds of processor time that 95 of 100 texts may take at most.
        load: the share of its time that a worker may need for the traffic that it had.
    """

    texts: int = 200
    agreement: float = 0.60
    shift: float = 0.25
    p95_s: float = 1.0
    load: float = 0.80


@dataclass(frozen=True, slots=True)
class Judgement:
    """``reasons`` say what decided, or what is waited for."""

    stage: Stage
    reasons: tuple[str, ...]


def judge(shadow: Shadow | None, bounds: Bounds) -> Judgement:
    """Return what the sums say; None where no worker has compared anything yet."""
    if shadow is None:
        return Judgement(Stage.WAITING, ("no worker has compared it with the champion yet",))
    failed = tuple(_failures(shadow))
    if failed:
        return Judgement(Stage.REFUSED, failed)
    if shadow.compared < bounds.texts:
        return Judgement(Stage.WAITING, (f"{shadow.compared} of {bounds.texts} texts are compared",))
    exceeded = tuple(_exceeded(shadow, bounds))
    if exceeded:
        return Judgement(Stage.REFUSED, exceeded)
    return Judgement(Stage.PASSED, (f"in the shadow: {described(shadow)}",))


def described(shadow: Shadow) -> str:
    """Return the figures that decide, as words."""
    p95_ms = 1000 * _p95_s(shadow)
    return (
        f"the champion's label for {shadow.agreed} of {shadow.compared} texts, "
        f"a 95th percentile of {p95_ms:.3g} ms, {load(shadow):.2%} of a worker's time"
    )


def load(shadow: Shadow) -> float:
    """Return the share of a worker's time that the traffic of the shadow would have cost, text by text."""
    if not shadow.compared or not shadow.worker_s:
        return 0.0
    return shadow.spent_s / shadow.compared * shadow.seen / shadow.worker_s


def shifts(shadow: Shadow) -> Mapping[str, float]:
    """Return by label how much greater its share of the challenger's answers is than of the champion's."""
    labels = sorted({*shadow.champion_labels, *shadow.challenger_labels})
    return {
        label: (shadow.challenger_labels.get(label, 0) - shadow.champion_labels.get(label, 0))
        / max(shadow.compared, 1)
        for label in labels
    }


def _failures(shadow: Shadow) -> list[str]:
    """Return what no number of texts makes good."""
    reasons = [
        f"{count} {'worker has' if count == 1 else 'workers have'} given it up: {reason}"
        for reason, count in shadow.broken.items()
    ]
    if shadow.errors:
        reasons.append(f"it raised on {shadow.errors} of {shadow.compared + shadow.errors} texts")
    return reasons


def _exceeded(shadow: Shadow, bounds: Bounds) -> list[str]:
    reasons = []
    agreement = shadow.agreed / shadow.compared
    if agreement < bounds.agreement:
        reasons.append(
            f"it gives the champion's label to {agreement:.1%} of {shadow.compared} texts, "
            f"less than {bounds.agreement:.0%}"
        )
    reasons += [
        f"it answers {label} {abs(shift):.1%} {'more' if shift > 0 else 'less'} often than the champion, "
        f"allowed is {bounds.shift:.0%}"
        for label, shift in shifts(shadow).items()
        if abs(shift) > bounds.shift
    ]
    p95_s = _p95_s(shadow)
    if p95_s > bounds.p95_s:
        reasons.append(f"95th percentile of one text {p95_s:.3g} s is above the budget of {bounds.p95_s:g} s")
    if load(shadow) > bounds.load:
        reasons.append(
            f"the traffic would take {load(shadow):.0%} of a worker's time, allowed is {bounds.load:.0%}"
        )
    return reasons


def _p95_s(shadow: Shadow) -> float:
    return quantile(shadow.challenger_times, 0.95) or 0.0
