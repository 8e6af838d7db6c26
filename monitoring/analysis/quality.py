"""How good a version is on what people said of its answers. Pure: counts in, figures with intervals out.

Proportions have Wilson's interval (``intervals``), F1 has the percentile interval of a bootstrap over the
rows (Efron 1979), drawn as counts: rows of one cell are alike. All are 95 %.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from monitoring.analysis.intervals import Interval, wilson

DRAWS = 1_000


@dataclass(frozen=True, slots=True)
class ClassQuality:
    """One label's figures; None where undefined. ``support`` counts the rows that are truly so."""

    precision: Interval | None
    recall: Interval | None
    f1: Interval
    support: int


@dataclass(frozen=True, slots=True)
class Quality:
    """What is known from ``rows`` predictions with feedback."""

    rows: int
    accuracy: Interval
    per_class: Mapping[str, ClassQuality]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        return asdict(self)


def quality(pairs: Mapping[tuple[str, str], int], seed: int = 0) -> Quality:
    """Return the figures of ``(predicted, true)`` pairs, counted.

    Raises:
        ValueError: there is none.
    """
    total = sum(pairs.values())
    if not total:
        raise ValueError("nothing was judged")
    labels = sorted({label for pair in pairs for label in pair})
    # Rows are true labels, columns predicted ones.
    confusion = np.array([[pairs.get((p, t), 0) for p in labels] for t in labels], dtype=np.int64)
    draws = np.random.default_rng(seed).multinomial(total, confusion.ravel() / total, size=DRAWS)
    resampled = _f1(draws.reshape(DRAWS, len(labels), len(labels)))
    f1 = _f1(confusion)
    return Quality(
        rows=total,
        accuracy=wilson(int(np.trace(confusion)), total),
        per_class={
            label: _of_class(confusion, i, float(f1[i]), resampled[:, i]) for i, label in enumerate(labels)
        },
    )


def _of_class(
    confusion: npt.NDArray[np.int64], i: int, f1: float, resampled: npt.NDArray[np.float64]
) -> ClassQuality:
    hits, predicted, true = int(confusion[i, i]), int(confusion[:, i].sum()), int(confusion[i].sum())
    low, high = np.percentile(resampled, (2.5, 97.5))
    return ClassQuality(
        precision=wilson(hits, predicted) if predicted else None,
        recall=wilson(hits, true) if true else None,
        f1=Interval(f1, float(low), float(high)),
        support=true,
    )


def _f1(confusion: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return 2TP / (2TP + FP + FN) of each class, for matrices in the last two axes; 0 where undefined."""
    hits = 2.0 * np.diagonal(confusion, axis1=-2, axis2=-1)
    whole = confusion.sum(axis=-1) + confusion.sum(axis=-2)
    f1: npt.NDArray[np.float64] = np.divide(hits, whole, out=np.zeros_like(hits), where=whole > 0)
    return f1
