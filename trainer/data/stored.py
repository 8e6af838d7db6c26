"""Rows that lie on disk, in sequences like any other: what is learnt from may be larger than memory.

A file's rows are stored once, as they are read. What is chosen among them is told by their places. A row
costs 16 bytes of memory where it is stored and 8 where it is chosen, however long its text.
"""

import mmap
import tempfile
from abc import abstractmethod
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain
from typing import overload

import numpy as np
import numpy.typing as npt

from trainer.data.rows import Row

Places = npt.NDArray[np.int64]


class _Rows(Sequence[Row]):
    """What all of them have in common: rows one by one, and parts as tuples."""

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Row, ...]: ...
    def __getitem__(self, place: int | slice) -> Row | tuple[Row, ...]:
        if isinstance(place, slice):
            return tuple(self._at(one) for one in range(*place.indices(len(self))))
        if not -len(self) <= place < len(self):
            raise IndexError(place)
        return self._at(place % len(self))

    @abstractmethod
    def _at(self, place: int) -> Row:
        """Return the row at this place, which is none before the first nor behind the last."""


class Stored(_Rows):
    """The rows of a data file, in a file without a name: it goes when nobody holds it, however that comes.

    It lies in the folder of temporary files (``TMPDIR``) and is mapped: what was read of it stays in memory
    for as long as there is room.
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        self._ends, self._numbers, self._labels = array("Q"), array("I"), array("I")
        known: dict[str, int] = {}
        end = 0
        with tempfile.TemporaryFile(prefix="barometer-") as file:
            for row in rows:
                end += file.write(row.text.encode())
                self._ends.append(end)
                self._numbers.append(row.number)
                self._labels.append(known.setdefault(row.label, len(known)))
            file.flush()
            # A mapping cannot be of nothing.
            self._texts = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if end else b""
        self._names = tuple(known)

    def __len__(self) -> int:
        return len(self._ends)

    def __iter__(self) -> Iterator[Row]:
        start = 0
        for end, number, label in zip(self._ends, self._numbers, self._labels, strict=True):
            yield Row(number, self._texts[start:end].decode(), self._names[label])
            start = end

    def _at(self, place: int) -> Row:
        start = self._ends[place - 1] if place else 0
        text = self._texts[start : self._ends[place]].decode()
        return Row(self._numbers[place], text, self._names[self._labels[place]])


class Chosen(_Rows):
    """Some of other rows, by their places among them."""

    def __init__(self, rows: Sequence[Row], places: Places) -> None:
        self._rows, self._places = rows, places

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[Row]:
        return (self._rows[int(place)] for place in self._places)

    def _at(self, place: int) -> Row:
        return self._rows[int(self._places[place])]


class Joint(_Rows):
    """Rows of several origins, one after the other."""

    def __init__(self, *parts: Sequence[Row]) -> None:
        self._parts = parts
        self._ends = list(accumulate(map(len, parts)))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __iter__(self) -> Iterator[Row]:
        return chain.from_iterable(self._parts)

    def _at(self, place: int) -> Row:
        part = bisect_right(self._ends, place)
        return self._parts[part][place - (self._ends[part - 1] if part else 0)]


class Texts(Sequence[str]):
    """The texts of rows, each read when it is asked for."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[str]:
        return (row.text for row in self._rows)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            return [row.text for row in self._rows[place]]
        return self._rows[place].text
