"""Which training texts only watch the learning, so that it stops in time. Pure.

They come out of the training rows: the rows a model is measured on have no say in how it is made.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from trainer.data.rows import normalised


@dataclass(frozen=True, slots=True)
class Sides:
    """Positions of the texts that teach and of those that watch, each in the order given."""

    teaching: tuple[int, ...]
    watching: tuple[int, ...]


def sides(texts: Sequence[str], labels: Sequence[str], share: float) -> Sides:
    """Set aside about ``share`` of the texts, at least one of each label that has two.

    The side of a text depends on the text alone, but for the first and last of each label.
    """
    places = [_place(text) for text in texts]
    watching = {position for position, place in enumerate(places) if place < share}
    by_label: defaultdict[str, list[int]] = defaultdict(list)
    for position, label in enumerate(labels):
        by_label[label].append(position)
    for positions in by_label.values():
        order = sorted(positions, key=lambda position: places[position])
        if len(order) > 1:
            watching.add(order[0])
            watching.discard(order[-1])
    teaching = tuple(position for position in range(len(texts)) if position not in watching)
    return Sides(teaching, tuple(sorted(watching)))


def _place(text: str) -> float:
    """Return where a text falls in [0, 1); another place than in the split of training and evaluation."""
    hashed = hashlib.sha256(b"watching" + normalised(text).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(hashed[:8], "big") / 2**64
