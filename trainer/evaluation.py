"""How good a model is on labelled rows. Pure arithmetic: arrays in, figures out."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from trainer.chance import Interval, intervals
from trainer.confusion import class_f1, ratio

#: Points of a precision-recall curve: more than a picture shows.
POINTS = 40
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
class Slice:
    """The figures of the rows of one kind, each but ``rows`` in [0, 1]."""

    rows: int
    accuracy: float
    macro_f1: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a model did on ``rows`` rows. ``confusion[i][j]`` counts rows of label i answered as label j.

    Intervals are of 95 %. ``curves`` maps each label to (recall, precision) as its threshold rises.
    """

    labels: tuple[str, ...]
    rows: int
    accuracy: float
    macro_f1: float
    ece: float
    per_class: dict[str, ClassMetrics]
    confusion: tuple[tuple[int, ...], ...]
    bins: tuple[Bin, ...]
    accuracy_interval: Interval
    macro_f1_interval: Interval
    curves: dict[str, tuple[tuple[float, float], ...]]
    slices: dict[str, Slice] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        return asdict(self)


def evaluate(
    labels: Sequence[str],
    truth: Sequence[str],
    probabilities: npt.NDArray[np.float64],
    slices: Mapping[str, npt.NDArray[np.bool_]] | None = None,
) -> Evaluation:
    """Compare probabilities (rows x labels, in the order of ``labels``) with the true labels.

    ``slices`` are masks of the rows that are also looked at by themselves.

    Raises:
        ValueError: there is no row, or a true label is none of ``labels``.
    """
    actual = indices(labels, truth)
    if not len(actual):
        raise ValueError("nothing to evaluate")
    answered = probabilities.argmax(axis=1)
    confusion = _confusion(actual, answered, len(labels))
    accuracy, macro_f1 = intervals(confusion)
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
        accuracy_interval=accuracy,
        macro_f1_interval=macro_f1,
        curves={
            label: precision_recall(probabilities[:, place], actual == place)
            for place, label in enumerate(labels)
        },
        slices={
            name: _slice(_confusion(actual[mask], answered[mask], len(labels)))
            for name, mask in (slices or {}).items()
            if mask.any()
        },
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


def precision_recall(
    scores: npt.NDArray[np.float64], true: npt.NDArray[np.bool_]
) -> tuple[tuple[float, float], ...]:
    """Return (recall, precision) of one label for rising thresholds, at most ``POINTS`` of them."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(true[order])
    if not len(hits) or not hits[-1]:
        return ()
    # A threshold separates scores, so within equal ones there is no point of the curve.
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    ends = ends[np.unique(np.linspace(0, len(ends) - 1, POINTS).astype(int))]
    return tuple((float(hits[end] / hits[-1]), float(hits[end] / (end + 1))) for end in reversed(ends))


def _confusion(
    actual: npt.NDArray[np.int64], answered: npt.NDArray[np.int64], size: int
) -> npt.NDArray[np.int64]:
    return np.bincount(actual * size + answered, minlength=size * size).reshape(size, size)


def _slice(confusion: npt.NDArray[np.int64]) -> Slice:
    # A label without rows in the slice has no F1 there.
    present = confusion.sum(axis=1) > 0
    rows = int(confusion.sum())
    return Slice(rows, float(np.trace(confusion)) / rows, float(class_f1(confusion)[present].mean()))


def _per_class(labels: Sequence[str], confusion: npt.NDArray[Any]) -> dict[str, ClassMetrics]:
    hits, support = np.diagonal(confusion), confusion.sum(axis=1)
    columns = zip(
        labels,
        ratio(hits, confusion.sum(axis=0)),
        ratio(hits, support),
        class_f1(confusion),
        support,
        strict=True,
    )
    return {label: ClassMetrics(float(p), float(r), float(f1), int(n)) for label, p, r, f1, n in columns}
