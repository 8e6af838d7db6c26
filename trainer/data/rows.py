"""What a labelled row is, and the fingerprints by which rows are told apart."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: What a copied text is given anew: links and handles.
_ADDED = re.compile(r"(?:https?://|www\.)\S+|@\w+")
_REPEATED = re.compile(r"(.)\1{2,}")
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled text, exactly as the file has it. ``number`` counts the file's rows from 1.

    ``source`` says where it is from, if not from the data file.
    """

    number: int
    text: str
    label: str
    source: str = ""


def normalised(text: str) -> str:
    """Return what makes two texts the same to a reader: no case, no width, no runs of white space."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def skeleton(text: str) -> str:
    """Return what near duplicates have in common: the words, without signs, links, handles and "sooo".

    A text without words is its own skeleton.
    """
    plain = normalised(text)
    words = _WORD.findall(_REPEATED.sub(r"\1\1", _ADDED.sub(" ", plain)))
    return " ".join(words) or plain


def digest(rows: Sequence[Row]) -> str:
    """Return one SHA-256 of all rows', whatever the file's format and the order of its rows."""
    each = np.fromiter((_hash(row) for row in rows), "S32", len(rows))
    each.sort()
    return hashlib.sha256(each.tobytes()).hexdigest()


def _hash(row: Row) -> bytes:
    return hashlib.sha256(json.dumps([row.text, row.label]).encode()).digest()
