"""How good a version probably is, without labels: confidence-based performance estimation (CBPE).

If the scores are calibrated, the score of each label *is* the probability that it is the true one, so the
confusion matrix can be expected instead of counted (Guo et al. 2017 on calibration; Białek et al. 2024 on
CBPE). Two assumptions: that the scores are calibrated, which an isotonic regression on labelled predictions
helps, and that only the texts have changed, not what a text means (no concept drift). Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from monitoring.analysis.intervals import Interval, Z

#: Fewer labelled predictions than this calibrate nothing.
CALIBRATION_ROWS = 200

Scores = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Estimate:
    """Expected figures of ``rows`` predictions. ``is_calibrated``: by labelled ones of this version.

    ``interval`` is of chance alone: how many of so many answers are right if the scores mean what they say.
    """

    rows: int
    accuracy: float
    interval: Interval
    f1: Mapping[str, float]
    is_calibrated: bool

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        return asdict(self)


def estimate(scores: Sequence[Scores], labelled: Sequence[tuple[Scores, str]] = ()) -> Estimate:
    """Return what these predictions are probably worth; ``labelled`` are others, with what was true.

    Raises:
        ValueError: there is no prediction.
    """
    if not scores:
        raise ValueError("nothing to estimate")
    labels = sorted({label for one in scores for label in one})
    raw = _matrix(scores, labels)
    is_calibrated = len(labelled) >= CALIBRATION_ROWS
    expected = _calibrated(raw, labels, labelled) if is_calibrated else _normalised(raw)
    answered = np.eye(len(labels))[raw.argmax(axis=1)]
    # Rows are true labels, columns predicted ones.
    confusion = expected.T @ answered
    hits = np.diagonal(confusion)
    whole = confusion.sum(axis=0) + confusion.sum(axis=1)
    f1 = np.divide(2 * hits, whole, out=np.zeros_like(hits), where=whole > 0)
    return Estimate(
        rows=len(scores),
        accuracy=float(hits.sum() / len(scores)),
        interval=_of_chance((expected * answered).sum(axis=1)),
        f1={label: float(value) for label, value in zip(labels, f1, strict=True)},
        is_calibrated=is_calibrated,
    )


def _of_chance(right: npt.NDArray[np.float64]) -> Interval:
    """Return the mean of trials that succeed with these probabilities (Poisson's binomial, as a normal)."""
    mean = float(right.mean())
    half = Z * float(np.sqrt((right * (1 - right)).sum())) / len(right)
    return Interval(mean, max(0.0, mean - half), min(1.0, mean + half))


def _calibrated(
    raw: npt.NDArray[np.float64], labels: Sequence[str], labelled: Sequence[tuple[Scores, str]]
) -> npt.NDArray[np.float64]:
    """Map each label's score to how often that label was true at such a score."""
    from sklearn.isotonic import IsotonicRegression

    known = _matrix([scores for scores, _ in labelled], labels)
    columns = [
        IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
        .fit(known[:, i], [float(truth == label) for _, truth in labelled])
        .predict(raw[:, i])
        for i, label in enumerate(labels)
    ]
    return _normalised(np.column_stack(columns))


def _matrix(scores: Sequence[Scores], labels: Sequence[str]) -> npt.NDArray[np.float64]:
    return np.array([[one.get(label, 0.0) for label in labels] for one in scores], dtype=np.float64)


def _normalised(matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Scale rows to 1; a row of zeros says nothing, so every label is as likely."""
    total = matrix.sum(axis=1, keepdims=True)
    even = np.full_like(matrix, 1 / matrix.shape[1])
    scaled: npt.NDArray[np.float64] = np.divide(matrix, total, out=even, where=total > 0)
    return scaled
