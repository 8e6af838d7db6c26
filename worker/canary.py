"""Whether a loaded version answers as it did when it was registered.

Registration stores a set of texts with their scores (artefact ``canary``: a list of ``{text, scores}``). A
version whose files, libraries or processor make other answers of them must not serve. Pure comparison.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from contract.labels import Answer

#: How far a probability may be off where a model names no tolerance of its own: single-precision kernels of
#: another processor differ by up to this much, the wrong weights or tokens by a thousand times more.
EXACT = 1e-5


@dataclass(frozen=True, slots=True)
class Canary:
    """A text and the probability of each label at registration."""

    text: str
    scores: Mapping[str, float]


def read(file: Path) -> list[Canary]:
    """Return the stored set.

    Raises:
        OSError, ValueError, KeyError, TypeError: the file is not there, or not such a list.
    """
    return [Canary(row["text"], row["scores"]) for row in json.loads(file.read_text("utf-8"))]


def difference(canaries: Sequence[Canary], answers: Sequence[Answer]) -> float:
    """Return the greatest difference of any probability; infinite where labels or numbers are missing."""
    if len(canaries) != len(answers):
        return math.inf
    return max(
        (_apart(one.scores, two.scores) for one, two in zip(canaries, answers, strict=True)), default=0.0
    )


def _apart(then: Mapping[str, float], now: Mapping[str, float]) -> float:
    if then.keys() != now.keys():
        return math.inf
    differences = [abs(then[label] - now[label]) for label in then]
    return math.inf if any(map(math.isnan, differences)) else max(differences, default=0.0)
