"""Whether a model may go live. Pure: answers to the same questions in, a verdict with its reasons out.

The default is refusal: a model passes only if it is good enough on its own (``floors``) and, where a champion
serves, better than it by the point estimate, no worse by the interval, and on no slice and in no behaviour
worse by more than chance.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from trainer.behaviour.suite import Capability
from trainer.chance import Difference, lost_by_chance, paired_bootstrap
from trainer.evaluation import evaluate, indices
from trainer.floors import Limits, below, misbehaved, over_budget
from trainer.serving import Serving

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Questions:
    """What both models were asked: the true labels of the rows, and which rows form which slice."""

    truth: Sequence[str]
    slices: Mapping[str, Mask] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answers:
    """What a version answered. ``probabilities`` are rows x labels; ``serving`` was measured, or was not.

    Where ``behaviour`` is empty, ``skipped`` says why.
    """

    version: str
    labels: tuple[str, ...]
    probabilities: npt.NDArray[np.float64]
    behaviour: Mapping[str, Capability] = field(default_factory=dict)
    serving: Serving | None = None
    skipped: str = ""


@dataclass(frozen=True, slots=True)
class Unusable:
    """The version that serves could not be asked; ``reason`` says why, as a clause."""

    version: str
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """``reasons`` say what decided: every failed check of a refusal, every passed one otherwise."""

    passed: bool
    reasons: tuple[str, ...]
    difference: Difference | None = None

    @property
    def word(self) -> str:
        """The verdict as the registry stores it."""
        return "passed" if self.passed else "refused"


def judge(
    questions: Questions,
    candidate: Answers,
    champion: Answers | Unusable | None,
    *,
    limits: Limits,
    seed: int,
) -> Verdict:
    """Return the verdict on a candidate, whose answers and the champion's are to the same questions."""
    figures = evaluate(candidate.labels, questions.truth, candidate.probabilities, questions.slices)
    floors = [
        *below(figures, limits),
        *misbehaved(candidate.behaviour, limits),
        *over_budget(candidate.serving, limits),
    ]
    if champion is None:
        return Verdict(not floors, tuple(floors) or ("no champion yet, and all floors are reached",))
    incomparable = _incomparable(candidate.labels, champion)
    if isinstance(champion, Unusable) or incomparable:
        return Verdict(passed=False, reasons=(*floors, incomparable))
    truth, ours, theirs = _paired(questions.truth, candidate, champion)
    difference = paired_bootstrap(truth, ours, theirs, len(candidate.labels), limits.resamples, seed)
    failed = (
        *floors,
        *_not_better(difference, champion.version, limits),
        *_worse_on(questions.slices, ours == truth, theirs == truth, limits),
        *_worse_in(candidate.behaviour, champion.behaviour, limits),
    )
    better = f"better than the champion: {_figures(difference, champion.version)}"
    return Verdict(not failed, failed or (better,), difference)


def _paired(
    truth: Sequence[str], candidate: Answers, champion: Answers
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return true labels and both answers as positions in the candidate's labels."""
    theirs = champion.probabilities[:, [champion.labels.index(label) for label in candidate.labels]]
    return indices(candidate.labels, truth), candidate.probabilities.argmax(1), theirs.argmax(1)


def _incomparable(labels: Sequence[str], champion: Answers | Unusable) -> str:
    if isinstance(champion, Unusable):
        return f"the champion, version {champion.version}, cannot be compared with: {champion.reason}"
    if set(champion.labels) != set(labels):
        return (
            f"the labels differ from the champion's: {', '.join(sorted(labels))} here, "
            f"{', '.join(sorted(champion.labels))} in version {champion.version}"
        )
    return ""


def _not_better(difference: Difference, version: str, limits: Limits) -> list[str]:
    reasons = []
    if difference.point <= 0:
        reasons.append(f"not better than the champion: {_figures(difference, version)}")
    if difference.lower <= -limits.margin:
        reasons.append(
            f"may be worse than the champion: {_figures(difference, version)} reaches below -{limits.margin}"
        )
    return reasons


def _worse_on(slices: Mapping[str, Mask], ours: Mask, theirs: Mask, limits: Limits) -> Iterable[str]:
    """Compare which rows of each slice either is right on."""
    return filter(
        None, (_lost(f"on {name}", ours[mask], theirs[mask], limits) for name, mask in slices.items())
    )


def _worse_in(
    ours: Mapping[str, Capability], theirs: Mapping[str, Capability], limits: Limits
) -> Iterable[str]:
    """Compare which cases of each capability either passes."""
    both = ours.keys() & theirs.keys()
    return filter(
        None,
        (
            _lost(
                f"in behaviour: {capability}",
                ~np.array(ours[capability].failed),
                ~np.array(theirs[capability].failed),
                limits,
            )
            for capability in ours
            if capability in both
        ),
    )


def _lost(where: str, ours: Mask, theirs: Mask, limits: Limits) -> str:
    won, lost = int((ours & ~theirs).sum()), int((~ours & theirs).sum())
    chance = lost_by_chance(won, lost)
    if lost <= won or chance >= limits.chance:
        return ""
    return (
        f"worse than the champion {where}: right on {won} that it misses, wrong on {lost} that it knows "
        f"(p = {chance:.1g})"
    )


def _figures(difference: Difference, version: str) -> str:
    return (
        f"macro-F1 {difference.point:+.4f} against version {version}, "
        f"95 % interval {difference.lower:+.4f} to {difference.upper:+.4f}"
    )
