"""Labelled texts from CSV files with the columns ``text`` and ``label``."""

import csv
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

#: Packaged with the trainer; found by path, because a benchmark is no service and imports none.
STARTER = Path(__file__).parents[1] / "trainer" / "starter" / "corpus.csv"
#: Labelled text that may be measured with but not shipped, where somebody has put some.
BESIDE = Path(__file__).parents[2] / "shared" / "data"


@dataclass(frozen=True, slots=True)
class Row:
    """One line: the name of its file, its text, the label a person gave it."""

    file: str
    text: str
    label: str


def default_files() -> list[Path]:
    """Return the files beside the repository if there are any, else the starter corpus."""
    return sorted(BESIDE.glob("*.csv")) or [STARTER]


def sample(files: Sequence[Path], count: int) -> list[Row]:
    """Return ``count`` rows, about as many of each file, always the same ones, shuffled."""
    chance = random.Random(0)
    rows: list[Row] = []
    # The smallest first: what it cannot give, the others do.
    for left, candidates in zip(range(len(files), 0, -1), sorted(map(read, files), key=len), strict=True):
        rows += chance.sample(candidates, min(len(candidates), (count - len(rows)) // left))
    chance.shuffle(rows)
    return rows


def read(file: Path) -> list[Row]:
    """Return the rows that have a text.

    Raises:
        SystemExit: a column is missing.
    """
    with file.open(encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines)
        if not {"text", "label"} <= set(reader.fieldnames or ()):
            raise SystemExit(f"{file} needs the columns text and label.")
        return [Row(file.name, row["text"], row["label"]) for row in reader if row["text"].strip()]
