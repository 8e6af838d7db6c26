"""What a labelled row is, and the fingerprints by which rows are told apart."""

import hashlib
import json
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled text, exactly as the file has it. ``number`` counts the file's rows from 1."""

    number: int
    text: str
    label: str


def normalised(text: str) -> str:
    """Return what makes two texts the same to a reader: no case, no width, no runs of white space."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def digest(rows: Iterable[Row]) -> str:
    """Return the SHA-256 of the rows, whatever the file's format and the order of its rows."""
    whole = hashlib.sha256()
    for line in sorted(json.dumps([row.text, row.label], ensure_ascii=False) for row in rows):
        whole.update(line.encode() + b"\n")
    return whole.hexdigest()
