"""Which rows are learnt from and which measured on. Pure.

The side of a row depends on its text alone, never on the rows around it. So when data are added no row
changes side, and the champion has not been trained on the rows its challenger is measured on. Every label is
cut at the same point of an even spread, which keeps the labels' shares alike up to chance.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainer.data.rows import Row, skeleton
from trainer.data.stored import Chosen

#: The share of rows that is measured on.
EVALUATION_SHARE = 0.2
#: More rows to measure on tell nothing new: these leave an accuracy uncertain by 0.4 points at most.
MOST = 50_000

_SPACE = 2**64


@dataclass(frozen=True, slots=True)
class Split:
    """The two sides, each in the file's order; of ``spared`` rows nothing is learnt or asked."""

    training: Sequence[Row]
    evaluation: Sequence[Row]
    spared: int = 0


def split(rows: Sequence[Row], most: int = MOST) -> Split:
    """Send each row to its side. Texts that differ in signs, links or handles only share one side.

    Of more than ``most`` rows to measure on, the others are spared: never learnt from, for with fewer rows
    about they would be measured on.
    """
    spots = np.fromiter((_spot(row.text) for row in rows), np.uint64, len(rows))
    measured = spots < EVALUATION_SHARE * _SPACE
    asked = np.flatnonzero(measured)
    if len(asked) > most:
        # The same rows as long as none are added, and most of them when some are.
        asked = np.sort(asked[np.argsort(spots[asked], kind="stable")[:most]])
    spared = int(measured.sum()) - len(asked)
    return Split(Chosen(rows, np.flatnonzero(~measured)), Chosen(rows, asked), spared)


def is_for_evaluation(text: str) -> bool:
    """Tell the side of a text."""
    return _spot(text) < EVALUATION_SHARE * _SPACE


def _spot(text: str) -> int:
    """Return a number below 2^64, as if drawn at random for this text."""
    return int.from_bytes(hashlib.sha256(skeleton(text).encode()).digest()[:8], "big")
