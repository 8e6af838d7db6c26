"""Which rows can be learnt from. Pure: rows in, rows out, and a count of each kind that was left out."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from trainer.data.rows import Row, skeleton
from trainer.errors import BadData

#: Fewer rows of a label than this teach nothing and measure nothing.
MIN_ROWS_PER_LABEL = 5


@dataclass(frozen=True, slots=True)
class Clean:
    """Rows to learn from, and how many were left out and why."""

    rows: tuple[Row, ...]
    repeated: int
    contradictory: int

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, sorted."""
        return tuple(sorted({row.label for row in self.rows}))


def clean(rows: Sequence[Row]) -> Clean:
    """Keep one of each repeated row and none of those whose text also bears another label.

    Raises:
        BadData: a row lacks text or label, or the rows left cannot teach two labels.
    """
    _refuse_empty(rows)
    labels_of: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        labels_of[row.text].add(row.label)
    agreed = [row for row in rows if len(labels_of[row.text]) == 1]
    first: dict[str, Row] = {}
    for row in agreed:
        first.setdefault(row.text, row)
    kept = tuple(first.values())
    _refuse_labels(Counter(row.label for row in kept))
    return Clean(kept, repeated=len(agreed) - len(kept), contradictory=len(rows) - len(agreed))


def without(rows: Iterable[Row], others: Iterable[Row]) -> tuple[Row, ...]:
    """Return the rows whose text is none of the others', nor nearly."""
    theirs = {skeleton(row.text) for row in others}
    return tuple(row for row in rows if skeleton(row.text) not in theirs)


def _refuse_empty(rows: Sequence[Row]) -> None:
    if not rows:
        raise BadData("there are no rows")
    for row in rows:
        if not row.text.strip():
            raise BadData(f"row {row.number} has no text: remove the row or fill it in")
        if not row.label.strip():
            raise BadData(f"row {row.number} has no label: remove the row or fill it in")


def _refuse_labels(counts: Counter[str]) -> None:
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
