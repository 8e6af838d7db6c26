"""Which rows are learnt from and which measured on. Pure.

The side of a row depends on its text alone, never on the rows around it. So when data are added no row
changes side, and the champion has not been trained on the rows its challenger is measured on. Every label is
cut at the same point of an even spread, which keeps the labels' shares alike up to chance.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from trainer.data.rows import Row, skeleton

#: The share of rows that is measured on.
EVALUATION_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Split:
    """The two sides, each in the file's order."""

    training: tuple[Row, ...]
    evaluation: tuple[Row, ...]


def split(rows: Iterable[Row]) -> Split:
    """Send each row to its side. Texts that differ in signs, links or handles only share one side."""
    sides: tuple[list[Row], list[Row]] = ([], [])
    for row in rows:
        sides[is_for_evaluation(row.text)].append(row)
    return Split(tuple(sides[0]), tuple(sides[1]))


def is_for_evaluation(text: str) -> bool:
    """Tell the side of a text."""
    place = int.from_bytes(hashlib.sha256(skeleton(text).encode()).digest()[:8], "big")
    return place < EVALUATION_SHARE * 2**64
