"""Texts that people wrote, to send through the service."""

import csv
from pathlib import Path

from tests.end_to_end.barometer import REPOSITORY
from trainer.starter import CORPUS

#: Labelled text that may be used but not shipped, where somebody has put some beside the repository.
BESIDE = REPOSITORY.parent / "shared" / "data"
#: Shorter ones could be in a log by chance.
SHORTEST = 30


def starter(count: int, skip: int = 0) -> list[str]:
    """Return some texts of the packaged corpus, no two the same."""
    return _read(CORPUS)[skip : skip + count]


def beside(count: int) -> list[str]:
    """Return some texts of the files beside the repository, as many of each; none where there are none."""
    files = sorted(BESIDE.glob("*.csv"))
    return [text for file in files for text in _read(file)[: count // len(files)]]


def _read(file: Path) -> list[str]:
    with file.open(encoding="utf-8", newline="") as lines:
        texts = [row["text"] for row in csv.DictReader(lines)]
    return list(dict.fromkeys(text for text in texts if len(text) >= SHORTEST))
