"""What a comparison knows of one model: figures only, never a text. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean, stdev
from typing import Any

import numpy as np
import numpy.typing as npt

from trainer.behaviour.suite import Capability
from trainer.evaluation import Evaluation
from trainer.serving import Serving

#: What an explanation of each family's is; how long it takes is measured.
EXPLANATIONS = {
    "tfidf": "each word's weight, exact: they add up to the score",
    "bilstm": "each word's weight, by leaving it out",
    "bert": "each token's weight, by gradients",
}


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a learning curve: trained on so many rows, a share of all; ``training_s`` as below."""

    share: float
    rows: int
    macro_f1: float
    training_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """One model. ``answered`` is the position of the answered label for each row of the evaluation.

    Everything but ``f1s`` and ``accuracies``, a seed each, is of the first seed. ``training_s`` is None where
    it was not trained here at a go.
    """

    name: str
    family: str
    evaluation: Evaluation
    answered: npt.NDArray[np.int64]
    serving: Serving
    behaviour: Mapping[str, Capability] = field(default_factory=dict)
    skipped: str = ""
    f1s: tuple[float, ...] = ()
    accuracies: tuple[float, ...] = ()
    training_s: float | None = None
    learning: tuple[Point, ...] = ()

    @property
    def explanation(self) -> str:
        """What explanation is offered, in words."""
        if self.serving.explain_s is None:
            return "none"
        return EXPLANATIONS.get(self.family, "a weight for each token")

    def cost(self, price_per_hour: float) -> float:
        """Return what a million predictions cost on a machine of this price, kept busy in batches of 32."""
        return 1e6 / self.serving.throughput / 3600 * price_per_hour

    def to_dict(self, price_per_hour: float) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        return {
            "name": self.name,
            "family": self.family,
            "evaluation": self.evaluation.to_dict(),
            "serving": self.serving.to_dict(),
            "behaviour": {name: one.rate for name, one in self.behaviour.items()},
            "behaviour_skipped": self.skipped,
            "macro_f1_by_seed": list(self.f1s),
            "accuracy_by_seed": list(self.accuracies),
            "training_s": self.training_s,
            "learning": [
                {"share": p.share, "rows": p.rows, "macro_f1": p.macro_f1, "training_s": p.training_s}
                for p in self.learning
            ],
            "explanation": self.explanation,
            "cost_per_million": self.cost(price_per_hour),
        }


def spread(figures: Sequence[float]) -> str:
    """Show a figure over the seeds: mean and standard deviation; nothing for one seed."""
    if len(figures) < 2:
        return ""
    return f"{mean(figures):.4f} ± {stdev(figures):.4f} over {len(figures)} seeds"
