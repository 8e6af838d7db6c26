"""What is in a file of labelled texts, in figures and without a single text. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from trainer.data.language import shares
from trainer.data.prints import grouped
from trainer.data.rows import Row, skeleton
from trainer.data.stored import Texts

#: A label rarer than this, against the most frequent one, will hardly be learnt.
IMBALANCE = 0.1


@dataclass(frozen=True, slots=True)
class Profile:
    """Figures of the rows as the file has them. ``words`` are quantiles of the texts' lengths.

    ``repeated`` counts rows beyond the first of each text; ``near`` those beyond the first of each skeleton
    that are no exact repeats; ``disputed`` the groups of near duplicates that bear several labels, and
    ``first_disputed`` is the number of a row of one.
    """

    rows: int
    labels: dict[str, int]
    words: dict[str, int]
    languages: dict[str, float]
    repeated: int
    near: int
    disputed: int
    first_disputed: int | None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What somebody should look at before training, as sentences."""
        found = []
        most = max(self.labels.values())
        for label, count in self.labels.items():
            if count < IMBALANCE * most:
                found.append(f"only {count} rows are labelled '{label[:40]}': add rows, or drop the label")
        if self.disputed:
            found.append(
                f"{self.disputed} groups of near duplicates bear several labels, row {self.first_disputed} "
                "among them: agree on one"
            )
        if len([share for share in self.languages.values() if share >= IMBALANCE]) > 1:
            found.append("the texts are in several languages: a model for each may do better")
        return tuple(found)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        return {**asdict(self), "warnings": list(self.warnings)}


def profile(rows: Sequence[Row]) -> Profile:
    """Count and measure.

    Raises:
        ValueError: there is no row.
    """
    if not rows:
        raise ValueError("there are no rows")
    known: dict[str, int] = {}
    labels = np.fromiter((known.setdefault(row.label, len(known)) for row in rows), np.uint32, len(rows))
    texts = grouped(Texts(rows), len(rows))
    near = grouped((skeleton(text) for text in Texts(rows)), len(rows))
    disputed = np.unique(near.of[labels != labels[near.first][near.of]])
    lengths = np.fromiter((len(text.split()) for text in Texts(rows)), np.uint32, len(rows))
    quantiles = np.percentile(lengths, [0, 5, 50, 95, 100]).astype(int)
    counts = dict(zip(known, np.bincount(labels).tolist(), strict=True))
    return Profile(
        rows=len(rows),
        labels=dict(Counter(counts).most_common()),
        words=dict(zip(("least", "5 %", "median", "95 %", "most"), map(int, quantiles), strict=True)),
        languages={code: round(share, 3) for code, share in shares(Texts(rows)).items()},
        repeated=len(rows) - len(texts.first),
        near=len(texts.first) - len(near.first),
        disputed=len(disputed),
        first_disputed=rows[int(near.first[disputed].min())].number if len(disputed) else None,
    )
