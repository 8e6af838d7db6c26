"""What a model answers, whatever its family: one label, its score, and the scores of all labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: The label that monitoring counts.
NEGATIVE = "negative"


@dataclass(frozen=True, slots=True)
class Answer:
    """One text's answer.

    ``scores`` maps each label to a probability in [0, 1], highest first; ``score`` is that of ``label``.
    """

    label: str
    score: float
    scores: Mapping[str, float]

    def output(self, top_k: int | None = None) -> dict[str, Any]:
        """Return the ``output`` of a prediction object, as clients see it, with the ``top_k`` best labels."""
        ranked = [{"label": label, "score": score} for label, score in self.scores.items()]
        return {"label": self.label, "score": self.score, "scores": ranked[:top_k]}


def answer(labels: Sequence[str], probabilities: Sequence[float]) -> Answer:
    """Return the answer for one row of probabilities, in the order of ``labels``."""
    ranked = sorted(zip(labels, probabilities, strict=True), key=lambda pair: -pair[1])
    return Answer(ranked[0][0], ranked[0][1], dict(ranked))
