"""Whether a model may go live. Pure: answers on the same rows in, a verdict with its reasons out.

The default is refusal: a model passes only if it is good enough on its own and, where a champion serves,
measurably no worse and by the point estimate better than it on the very same rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainer.evaluation import Evaluation, class_f1, evaluate, indices


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a model must reach. All but ``rows`` and ``resamples`` are in [0, 1]."""

    rows: int = 30
    macro_f1: float = 0.60
    recall: float = 0.50
    ece: float = 0.15
    #: How far below the champion the 95 % interval may reach.
    margin: float = 0.002
    resamples: int = 1_000


@dataclass(frozen=True, slots=True)
class Champion:
    """The version that serves and its answers on the same rows."""

    version: str
    labels: tuple[str, ...]
    probabilities: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Unusable:
    """The version that serves could not be asked; ``reason`` says why, as a clause."""

    version: str
    reason: str


@dataclass(frozen=True, slots=True)
class Difference:
    """Macro-F1 of the candidate less the champion's, with its 95 % interval."""

    point: float
    lower: float
    upper: float


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
    truth: Sequence[str],
    labels: Sequence[str],
    probabilities: npt.NDArray[np.float64],
    champion: Champion | Unusable | None,
    *,
    limits: Limits,
    seed: int,
) -> Verdict:
    """Return the verdict on a candidate.

    ``probabilities`` (rows x ``labels``) are its answers to the rows whose true labels are ``truth``.
    """
    floors = below_floors(evaluate(labels, truth, probabilities), limits)
    if champion is None:
        return Verdict(not floors, tuple(floors) or ("no champion yet, and all floors are reached",))
    incomparable = _incomparable(labels, champion)
    if isinstance(champion, Unusable) or incomparable:
        return Verdict(passed=False, reasons=(*floors, incomparable))
    theirs = champion.probabilities[:, [champion.labels.index(label) for label in labels]]
    difference = paired_bootstrap(
        indices(labels, truth), probabilities.argmax(1), theirs.argmax(1), len(labels), limits.resamples, seed
    )
    worse = _not_better(difference, champion.version, limits)
    figures = _figures(difference, champion.version)
    failed = (*floors, *worse)
    return Verdict(not failed, failed or (f"better than the champion: {figures}",), difference)


def below_floors(evaluation: Evaluation, limits: Limits) -> list[str]:
    """Return the floors a model does not reach, as sentences."""
    reasons = []
    if evaluation.rows < limits.rows:
        reasons.append(f"{evaluation.rows} evaluation rows are fewer than the {limits.rows} a verdict needs")
    if evaluation.macro_f1 < limits.macro_f1:
        reasons.append(f"macro-F1 {evaluation.macro_f1:.3f} is below {limits.macro_f1:.2f}")
    for label, figures in evaluation.per_class.items():
        if not figures.support:
            reasons.append(f"no evaluation row is labelled {label}")
        elif figures.recall < limits.recall:
            reasons.append(f"recall of {label} {figures.recall:.3f} is below {limits.recall:.2f}")
    if evaluation.ece > limits.ece:
        reasons.append(f"calibration error {evaluation.ece:.3f} is above {limits.ece:.2f}")
    return reasons


def paired_bootstrap(
    truth: npt.NDArray[np.int64],
    ours: npt.NDArray[np.int64],
    theirs: npt.NDArray[np.int64],
    classes: int,
    resamples: int,
    seed: int,
) -> Difference:
    """Return the difference in macro-F1 with its 95 % percentile interval (Efron 1979; Koehn 2004 for pairs).

    Rows are drawn together for both models. Only (truth, ours, theirs) of a row matters, so drawing n rows
    with replacement is drawing one multinomial over those cells: its cost does not grow with the rows.
    """
    cells = np.bincount((truth * classes + ours) * classes + theirs, minlength=classes**3)
    draws = np.random.default_rng(seed).multinomial(len(truth), cells / len(truth), size=resamples)
    point, resampled = (
        _difference(counts.reshape(-1, classes, classes, classes)) for counts in (cells, draws)
    )
    lower, upper = np.percentile(resampled, [2.5, 97.5])
    return Difference(float(point[0]), float(lower), float(upper))


def _difference(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Macro-F1 of ours less theirs, for counts of (truth, ours, theirs) in the last three axes."""
    ours, theirs = class_f1(counts.sum(axis=3)), class_f1(counts.sum(axis=2))
    difference: npt.NDArray[np.float64] = (ours - theirs).mean(axis=1)
    return difference


def _incomparable(labels: Sequence[str], champion: Champion | Unusable) -> str:
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


def _figures(difference: Difference, version: str) -> str:
    return (
        f"macro-F1 {difference.point:+.4f} against version {version}, "
        f"95 % interval {difference.lower:+.4f} to {difference.upper:+.4f}"
    )
