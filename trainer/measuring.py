"""How a registered version does on labelled rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainer.behaviour.suite import Capability, failures, suited
from trainer.data.language import language
from trainer.data.rows import Row
from trainer.errors import BadData
from trainer.evaluation import Evaluation, evaluate, indices
from trainer.families.family import Probabilities
from trainer.preparing import Source
from trainer.registry import Registry
from trainer.slices import slices


@dataclass(frozen=True, slots=True)
class Error:
    """A wrong answer, by the row's number: its text stays in the file."""

    row: int
    truth: str
    answered: str
    score: float


@dataclass(frozen=True, slots=True)
class Measured:
    """What a version did. Where ``behaviour`` is empty, ``skipped`` says why."""

    evaluation: Evaluation
    behaviour: Mapping[str, Capability]
    skipped: str
    worst: tuple[Error, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        return {
            **self.evaluation.to_dict(),
            "behaviour": {name: one.rate for name, one in self.behaviour.items()},
            "behaviour_skipped": self.skipped,
            "worst": [
                {"row": e.row, "truth": e.truth, "answered": e.answered, "score": e.score} for e in self.worst
            ],
        }


def measure(registry: Registry, version: str, source: Source, *, worst: int = 0) -> Measured:
    """Let the version answer all clean rows of a file, and compare.

    Raises:
        BadData: the file bears labels the model does not know.
        ModelUnusable: the version cannot be loaded or does not answer.
    """
    loaded = registry.load(version)
    rows = source.cleaned.rows
    texts = [row.text for row in rows]
    probabilities = loaded.probabilities(texts)
    try:
        evaluation = evaluate(loaded.labels, [row.label for row in rows], probabilities, slices(texts))
    except ValueError as error:
        known = ", ".join(loaded.labels)
        raise BadData(f"{source.file.name}: {error}; version {version} knows {known}") from error
    suite = suited(loaded.labels, language(texts))
    behaviour = failures(suite, loaded.labels, loaded.probabilities(suite.texts)) if suite.cases else {}
    return Measured(evaluation, behaviour, suite.skipped, surest(rows, loaded.labels, probabilities, worst))


def surest(
    rows: Sequence[Row], labels: tuple[str, ...], probabilities: Probabilities, count: int
) -> tuple[Error, ...]:
    """Return the wrong answers that were given with most confidence, the surest first."""
    truth, answered = indices(labels, [row.label for row in rows]), probabilities.argmax(axis=1)
    scores = probabilities.max(axis=1)
    wrong = np.flatnonzero(truth != answered)
    first = wrong[np.argsort(-scores[wrong], kind="stable")][:count]
    return tuple(
        Error(rows[place].number, rows[place].label, labels[answered[place]], float(scores[place]))
        for place in first
    )
