"""Texts told apart by their fingerprints: 16 bytes each, whatever their length. Pure."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Groups:
    """Equal texts by their places: where each group begins, and the group of each place."""

    first: npt.NDArray[np.int64]
    of: npt.NDArray[np.int64]


def grouped(texts: Iterable[str], count: int) -> Groups:
    """Group ``count`` texts by equality."""
    # BLAKE2b of 128 bits: among 10^9 texts two different ones agree with a chance of 10^-21.
    prints = np.fromiter((_print(text) for text in texts), "S16", count)
    _, first, of = np.unique(prints, return_index=True, return_inverse=True)
    return Groups(first, of)


def _print(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
