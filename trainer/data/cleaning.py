"""Which rows can be learnt from. Pure: rows in, rows out, and a count of each kind that was left out."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainer.data.prints import grouped
from trainer.data.rows import Row, skeleton
from trainer.data.stored import Chosen
from trainer.errors import BadData

#: Fewer rows of a label than this teach nothing and measure nothing.
MIN_ROWS_PER_LABEL = 5


@dataclass(frozen=True, slots=True)
class Clean:
    """Rows to learn from, their labels in alphabetical order, and how many were left out and why."""

    rows: Sequence[Row]
    labels: tuple[str, ...]
    repeated: int
    contradictory: int


def clean(rows: Sequence[Row]) -> Clean:
    """Keep one of each repeated row and none of those whose text also bears another label.

    Raises:
        BadData: a row lacks text or label, or the rows left cannot teach two labels.
    """
    if not rows:
        raise BadData("there are no rows")
    known: dict[str, int] = {}
    labels = np.empty(len(rows), np.uint32)
    texts = grouped(_filled(rows, known, labels), len(rows))
    disputed = np.zeros(len(texts.first), np.bool_)
    disputed[texts.of[labels != labels[texts.first][texts.of]]] = True
    agreed = len(rows) - int(disputed[texts.of].sum())
    kept = np.sort(texts.first[~disputed])
    counts = np.bincount(labels[kept], minlength=len(known))
    found = {label: int(counts[place]) for label, place in known.items() if counts[place]}
    _refuse_labels(found)
    return Clean(Chosen(rows, kept), tuple(sorted(found)), agreed - len(kept), len(rows) - agreed)


def _filled(rows: Iterable[Row], known: dict[str, int], labels: npt.NDArray[np.uint32]) -> Iterator[str]:
    """Yield the texts; number the labels in ``known`` as they come, and note each row's."""
    for place, row in enumerate(rows):
        if not row.text.strip():
            raise BadData(f"row {row.number} has no text: remove the row or fill it in")
        if not row.label.strip():
            raise BadData(f"row {row.number} has no label: remove the row or fill it in")
        labels[place] = known.setdefault(row.label, len(known))
        yield row.text


def without(rows: Sequence[Row], others: Iterable[Row]) -> Sequence[Row]:
    """Return the rows whose text is none of the others', nor nearly."""
    theirs = {skeleton(row.text) for row in others}
    kept = (place for place, row in enumerate(rows) if skeleton(row.text) not in theirs)
    return Chosen(rows, np.fromiter(kept, np.int64))


def _refuse_labels(counts: Mapping[str, int]) -> None:
    spellings: defaultdict[str, set[str]] = defaultdict(set)
    for label in counts:
        spellings[label.strip().casefold()].add(label)
    for same in spellings.values():
        if len(same) > 1:
            raise BadData(f"the labels {_quoted(same)} differ in case or blanks only: make them one")
    if len(counts) < 2:
        raise BadData(
            f"there is only one label, {_quoted(counts)}: at least two are needed" if counts else _ALL_GONE
        )
    rare = {label for label, count in counts.items() if count < MIN_ROWS_PER_LABEL}
    if rare:
        raise BadData(
            f"too few rows are labelled {_quoted(rare)}: "
            f"each label needs at least {MIN_ROWS_PER_LABEL} different texts"
        )


_ALL_GONE = "every text bears more than one label, so none can be learnt from"


def _quoted(labels: Iterable[str]) -> str:
    """Name a few labels: a text column taken for labels must not flood the screen."""
    names = sorted(labels)
    shown = ", ".join(f"'{name[:40]}'" for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
