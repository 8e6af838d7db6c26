"""Which cases suit a model, and how many of them it fails. Pure: probabilities in, failures out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
import numpy.typing as npt

from trainer.behaviour import english, french
from trainer.behaviour.cases import NEGATIVE, POSITIVE, Case, Kind

#: By the language's ISO 639-1 code.
LANGUAGES: Mapping[str, Callable[[], Iterator[Case]]] = {"en": english.cases, "fr": french.cases}

#: A score may fall by this much and still count as equal: rounding of reduced forms, ties far up.
TOLERANCE = 0.005


@dataclass(frozen=True, slots=True)
class Suite:
    """The cases that a model is asked, or none and the reason why."""

    cases: tuple[Case, ...]
    skipped: str = ""

    @property
    def texts(self) -> tuple[str, ...]:
        """All texts of all cases, in order."""
        return tuple(text for case in self.cases for text in case.texts)


@dataclass(frozen=True, slots=True)
class Capability:
    """What became of the cases of one capability; ``failed`` is one bool a case, in the suite's order."""

    failed: tuple[bool, ...]

    @property
    def rate(self) -> float:
        """Share of the cases that failed, in [0, 1]."""
        return sum(self.failed) / len(self.failed)


def suited(labels: Sequence[str], language: str) -> Suite:
    """Return the cases for a model with these labels whose texts are mostly of this language."""
    if not {NEGATIVE, POSITIVE} <= set(labels) <= {NEGATIVE, POSITIVE, "neutral"}:
        return Suite((), "behaviour tests are about negative and positive; these are other labels")
    if language not in LANGUAGES:
        written = ", ".join(LANGUAGES)
        return Suite(
            (), f"behaviour tests are written in {written}; most of these texts are not ({language})"
        )
    return Suite(tuple(LANGUAGES[language]()))


def failures(
    suite: Suite, labels: Sequence[str], probabilities: npt.NDArray[np.float64]
) -> dict[str, Capability]:
    """Judge the answers to ``suite.texts`` (rows x labels), by capability."""
    ends = accumulate((len(case.texts) for case in suite.cases), initial=0)
    found: dict[str, list[bool]] = {}
    for case, (start, end) in zip(suite.cases, pairwise(ends), strict=True):
        failed = _failed(case, labels, probabilities[start:end])
        found.setdefault(case.capability, []).append(failed)
    return {capability: Capability(tuple(failed)) for capability, failed in found.items()}


def _failed(case: Case, labels: Sequence[str], rows: npt.NDArray[np.float64]) -> bool:
    if case.kind is Kind.RISES:
        scores = rows[:, labels.index(next(iter(case.allowed)))]
        return bool(scores[1] < scores[0] - TOLERANCE)
    answered = {labels[place] for place in rows.argmax(axis=1)}
    return len(answered) > 1 if case.kind is Kind.SAME else not answered <= case.allowed
