"""How sure a network may say it is. Pure: what it said of rows that taught it nothing in, one number out.

Networks are surer than they are right. Dividing the logits by one temperature, chosen to make the true labels
of held-out rows as likely as can be, mends most of it and changes no answer (Guo et al. 2017, "On Calibration
of Modern Neural Networks").
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from trainer.evaluation import calibration
from trainer.families.family import Probabilities

#: Fewer rows than this say nothing about how often a sure answer is right: then the temperature stays 1.
FEWEST = 50
#: Where all rows are answered right, ever lower temperatures are ever likelier; too few rows, not more truth.
LOWEST, HIGHEST = 0.5, 5.0

#: No label is impossible: single precision rounds what is improbable to 0.
_LEAST = 1e-12


@dataclass(frozen=True, slots=True)
class Calibration:
    """The temperature, and the expected calibration error of ``rows`` held-out rows without and with it."""

    temperature: float
    rows: int
    ece_before: float
    ece_after: float

    def parameters(self) -> dict[str, float]:
        """Return the figures under the names they have in a run."""
        return {
            "temperature": self.temperature,
            "temperature.rows": self.rows,
            "temperature.ece_before": self.ece_before,
            "temperature.ece_after": self.ece_after,
        }


def fit(probabilities: Probabilities, truth: Sequence[int]) -> Calibration:
    """Return the temperature for a model that gave these probabilities (rows x labels) without one.

    ``truth`` has the position of each row's true label.
    """
    right = np.asarray(truth, dtype=np.int64)
    before = ece(probabilities, right)
    if len(right) < FEWEST:
        return Calibration(1.0, len(right), before, before)

    def unlikeliness(log_temperature: float) -> float:
        chances = tempered(probabilities, float(np.exp(log_temperature)))[np.arange(len(right)), right]
        return float(-np.log(np.maximum(chances, _LEAST)).mean())

    bounds = (float(np.log(LOWEST)), float(np.log(HIGHEST)))
    temperature = float(np.exp(minimize_scalar(unlikeliness, bounds=bounds, method="bounded").x))
    return Calibration(temperature, len(right), before, ece(tempered(probabilities, temperature), right))


def tempered(probabilities: Probabilities, temperature: float) -> Probabilities:
    """Return the probabilities that logits divided by the temperature would have given."""
    powers: Probabilities = np.maximum(probabilities, _LEAST) ** (1 / temperature)
    powers /= powers.sum(axis=1, keepdims=True)
    return powers


def ece(probabilities: Probabilities, truth: npt.NDArray[np.int64]) -> float:
    """Return the expected calibration error; 0 where there are no rows."""
    if not len(truth):
        return 0.0
    bins = calibration(probabilities.max(axis=1), probabilities.argmax(axis=1) == truth)
    return sum(one.count * abs(one.accuracy - one.confidence) for one in bins) / len(truth)
