"""What people said of predictions, beside a file's rows. Pure: rows in, rows out, and what was left out.

The file was read by somebody, feedback is by anybody. So the file has the last word on its own texts, a text
counts once however often it is judged, and where people disagree the majority decides, or nobody.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from trainer.data.rows import Row, skeleton

#: ``Row.source`` of what people said.
FEEDBACK = "feedback"


@dataclass(frozen=True, slots=True)
class Joined:
    """Feedback to learn from, and how much was left out and why.

    ``repeated`` texts are in the file already, or judged more than once; ``contradictory`` ones have another
    label in the file, or no majority; of ``unknown`` ones the file does not know the label; others are empty.
    """

    rows: tuple[Row, ...] = ()
    repeated: int = 0
    contradictory: int = 0
    unknown: int = 0
    empty: int = 0


def join(known: Iterable[Row], labels: Collection[str], told: Sequence[Row]) -> Joined:
    """Return the feedback that adds to the rows that are known, in order. Near duplicates are one text.

    ``labels`` are those of the rows that are known.
    """
    filled = [row for row in told if row.text.strip()]
    usable = [row for row in filled if row.label in labels]
    groups: defaultdict[str, list[Row]] = defaultdict(list)
    for row in usable:
        groups[skeleton(row.text)].append(row)
    theirs: defaultdict[str, set[str]] = defaultdict(set)
    for row in known:
        if (text := skeleton(row.text)) in groups:
            theirs[text].add(row.label)
    kept, repeated, contradictory = [], 0, 0
    for text, rows in groups.items():
        label = _majority([row.label for row in rows])
        if label is None or theirs.get(text, {label}) != {label}:
            contradictory += len(rows)
            continue
        others = sum(row.label != label for row in rows)
        is_new = text not in theirs
        contradictory += others
        repeated += len(rows) - others - is_new
        if is_new:
            first = next(row for row in rows if row.label == label)
            kept.append(Row(first.number, first.text, label, FEEDBACK))
    return Joined(tuple(kept), repeated, contradictory, len(filled) - len(usable), len(told) - len(filled))


def _majority(labels: Sequence[str]) -> str | None:
    """Return the label that more rows bear than any other; None where there is none."""
    first, *others = Counter(labels).most_common(2)
    return None if others and others[0][1] == first[1] else first[0]
