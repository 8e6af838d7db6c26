"""Pretrained word vectors from a text file, as GloVe and fastText write it: a word and numbers a line."""

from collections.abc import Collection
from pathlib import Path

import numpy as np
import numpy.typing as npt

from trainer.errors import BadRequest

#: A first line of two numbers counts words and width: a header, no word.
_HEADER_FIELDS = 2

Vector = npt.NDArray[np.float32]


def read(path: Path, wanted: Collection[str]) -> dict[str, Vector]:
    """Return the vectors of the wanted words; the file is read line by line, and may be larger than memory.

    Raises:
        BadRequest: there is no such file, it is not of that form, or knows none of the words.
    """
    words, found = frozenset(wanted), dict[str, Vector]()
    width = 0
    try:
        with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
            for number, line in enumerate(file, start=1):
                # From the right: some words of GloVe hold spaces.
                if number == 1 and len(line.split()) == _HEADER_FIELDS:
                    continue
                width = width or len(line.split()) - 1
                word, *values = line.rstrip().rsplit(" ", width)
                if len(values) != width or not width:
                    raise BadRequest(f"line {number} of {path.name} has not {width} numbers after its word")
                if word in words and word not in found:
                    found[word] = np.array(values, dtype=np.float32)
    except OSError as error:
        raise BadRequest(f"the vectors cannot be read: {error.strerror}: {path}") from error
    except ValueError as error:
        raise BadRequest(f"line {number} of {path.name} is no word with numbers") from error
    if not found:
        raise BadRequest(f"{path.name} has no vector for any word of the training texts")
    return found
