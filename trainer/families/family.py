"""What a model family is to the rest of the trainer: a function from labelled texts to a model on disk."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Probabilities = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A trained model, on disk as it will travel, and loaded from there.

    ``code`` is the models-from-code file, ``artifacts`` what it reads, ``requirements`` what it imports,
    ``model_config`` what a worker may set when it loads it (MLflow lets pass no others).
    ``probabilities`` answers texts with one row each, one column a label in the order of ``labels``.
    """

    labels: tuple[str, ...]
    parameters: Mapping[str, Any]
    code: Path
    artifacts: Mapping[str, Path]
    requirements: tuple[str, ...]
    model_config: Mapping[str, Any] = field(default_factory=dict)
    probabilities: Callable[[Sequence[str]], Probabilities]


class Train(Protocol):
    """How a family is trained: deterministic in texts, labels and seed; artefacts go to ``folder``."""

    def __call__(self, texts: Sequence[str], labels: Sequence[str], *, seed: int, folder: Path) -> Fitted:
        """Return the trained model."""
