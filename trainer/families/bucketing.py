"""In which order an epoch reads its texts: at random, but similar lengths together. Pure."""

import random
from collections.abc import Sequence

#: So many batches are sorted together: enough for little padding, few enough to leave the order random.
BATCHES_SORTED = 50


def order(lengths: Sequence[int], batch: int, *, seed: int, epoch: int) -> list[int]:
    """Return each position once; slices of ``batch`` have similar lengths, and come in random order.

    Seed and epoch alone decide it, so a training that is cut off takes up the order where it was.
    """
    chance = random.Random(f"{seed} {epoch}")  # noqa: S311  # nothing is secret
    places = list(range(len(lengths)))
    chance.shuffle(places)
    size = batch * BATCHES_SORTED
    drawers = [
        sorted(places[start : start + size], key=lambda place: -lengths[place])
        for start in range(0, len(places), size)
    ]
    batches = [drawer[start : start + batch] for drawer in drawers for start in range(0, len(drawer), batch)]
    # A batch that is not full comes last: what cuts the order into slices of `batch` keeps them whole.
    short = [one for one in batches if len(one) < batch]
    full = [one for one in batches if len(one) == batch]
    chance.shuffle(full)
    return [place for one in (*full, *short) for place in one]
