"""What may be chance: intervals of figures, and differences of two models on the same rows. Pure.

All resampling draws rows with replacement (Efron 1979). Only what was true and what was answered matters of a
row, so drawing n rows is drawing one multinomial over those cells, and its cost does not grow with the rows.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainer.confusion import class_f1

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Difference:
    """Macro-F1 of one model less the other's, with its 95 % interval."""

    point: float
    lower: float
    upper: float


def paired_bootstrap(
    truth: npt.NDArray[np.int64],
    ours: npt.NDArray[np.int64],
    theirs: npt.NDArray[np.int64],
    classes: int,
    resamples: int,
    seed: int,
) -> Difference:
    """Return the difference in macro-F1 with its 95 % percentile interval; rows are drawn for both together.

    Pairs as in Koehn 2004, "Statistical Significance Tests for Machine Translation Evaluation".
    """
    cells = np.bincount((truth * classes + ours) * classes + theirs, minlength=classes**3)
    draws = np.random.default_rng(seed).multinomial(len(truth), cells / len(truth), size=resamples)
    point, resampled = (
        _difference(counts.reshape(-1, classes, classes, classes)) for counts in (cells, draws)
    )
    lower, upper = np.percentile(resampled, [2.5, 97.5])
    return Difference(float(point[0]), float(lower), float(upper))


def intervals(confusion: npt.NDArray[np.int64], resamples: int = 1_000) -> tuple[Interval, Interval]:
    """Return the 95 % intervals of accuracy and macro-F1."""
    size, rows = len(confusion), int(confusion.sum())
    drawn = np.random.default_rng(0).multinomial(rows, confusion.ravel() / rows, size=resamples)
    counts = drawn.reshape(-1, size, size)
    accuracies = np.trace(counts, axis1=1, axis2=2) / rows
    return _middle(accuracies), _middle(class_f1(counts).mean(axis=1))


def lost_by_chance(won: int, lost: int) -> float:
    """Return how probable it is that of two equal models one loses this often or more: the exact sign test.

    ``won`` and ``lost`` count the cases on which exactly one of them is right (McNemar 1947).
    """
    from scipy.stats import binom  # most of a second that --help must not pay

    return float(binom.sf(lost - 1, won + lost, 0.5))


def _middle(figures: npt.NDArray[np.float64]) -> Interval:
    lower, upper = np.percentile(figures, [2.5, 97.5])
    return float(lower), float(upper)


def _difference(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Macro-F1 of ours less theirs, for counts of (truth, ours, theirs) in the last three axes."""
    ours, theirs = class_f1(counts.sum(axis=3)), class_f1(counts.sum(axis=2))
    difference: npt.NDArray[np.float64] = (ours - theirs).mean(axis=1)
    return difference
