"""How good a model is on labelled rows. Pure arithmetic: arrays in, figures out."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

#: Bins of the expected calibration error, as many as in its source.
BINS = 15


@dataclass(frozen=True, slots=True)
class ClassMetrics:
    """One label's figures, each in [0, 1]; 0 where undefined. ``support`` is its number of rows."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class Bin:
    """The answers of about one confidence: how many, their mean confidence, and how many were right."""

    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a model did on ``rows`` rows. ``confusion[i][j]`` counts rows of label i answered as label j."""

    labels: tuple[str, ...]
    rows: int
    accuracy: float
    macro_f1: float
    ece: float
    per_class: dict[str, ClassMetrics]
    confusion: tuple[tuple[int, ...], ...]
    bins: tuple[Bin, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        return asdict(self)


def evaluate(
    labels: Sequence[str], truth: Sequence[str], probabilities: npt.NDArray[np.float64]
) -> Evaluation:
    """Compare probabilities (rows x labels, in the order of ``labels``) with the true labels.

    Raises:
        ValueError: there is no row, or a true label is none of ``labels``.
    """
    actual = indices(labels, truth)
    if not len(actual):
        raise ValueError("nothing to evaluate")
    answered = probabilities.argmax(axis=1)
    size = len(labels)
    confusion = np.bincount(actual * size + answered, minlength=size * size).reshape(size, size)
    bins = calibration(probabilities.max(axis=1), answered == actual)
    return Evaluation(
        labels=tuple(labels),
        rows=len(actual),
        accuracy=float((answered == actual).mean()),
        macro_f1=float(class_f1(confusion).mean()),
        ece=sum(b.count * abs(b.accuracy - b.confidence) for b in bins) / len(actual),
        per_class=_per_class(labels, confusion),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        bins=bins,
    )


def indices(labels: Sequence[str], truth: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return the position in ``labels`` of each true label.

    Raises:
        ValueError: a true label is none of ``labels``.
    """
    position = {label: index for index, label in enumerate(labels)}
    unknown = sorted(set(truth) - set(position))
    if unknown:
        raise ValueError(f"labels the model does not know: {', '.join(unknown)}")
    return np.array([position[label] for label in truth], dtype=np.int64)


def class_f1(confusion: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return the F1 of each class, 0 where it is undefined, for confusion matrices in the last two axes."""
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    # 2TP / (2TP + FP + FN): the row and the column of a class each count its hits once.
    return _ratio(2 * hits, confusion.sum(axis=-1) + confusion.sum(axis=-2))


def calibration(confidence: npt.NDArray[np.float64], right: npt.NDArray[np.bool_]) -> tuple[Bin, ...]:
    """Return those of 15 equal bins of confidence that hold answers.

    The expected calibration error is their weighted mean gap (Guo et al. 2017, "On Calibration of Modern
    Neural Networks").
    """
    place = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    return tuple(
        Bin(int(inside.sum()), float(confidence[inside].mean()), float(right[inside].mean()))
        for inside in (place == index for index in range(BINS))
        if inside.any()
    )


def _per_class(labels: Sequence[str], confusion: npt.NDArray[Any]) -> dict[str, ClassMetrics]:
    hits, support = np.diagonal(confusion), confusion.sum(axis=1)
    columns = zip(
        labels,
        _ratio(hits, confusion.sum(axis=0)),
        _ratio(hits, support),
        class_f1(confusion),
        support,
        strict=True,
    )
    return {label: ClassMetrics(float(p), float(r), float(f1), int(n)) for label, p, r, f1, n in columns}


def _ratio(part: npt.NDArray[Any], whole: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    ratio: npt.NDArray[np.float64] = np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)
    return ratio
