"""Figures of confusion matrices: rows are true labels, columns are answers, the last two axes. Pure."""

from typing import Any

import numpy as np
import numpy.typing as npt


def class_f1(confusion: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return the F1 of each class, 0 where it is undefined."""
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    # 2TP / (2TP + FP + FN): the row and the column of a class each count its hits once.
    return ratio(2 * hits, confusion.sum(axis=-1) + confusion.sum(axis=-2))


def ratio(part: npt.NDArray[Any], whole: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Divide, giving 0 where there is nothing to divide by."""
    found: npt.NDArray[np.float64] = np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)
    return found
