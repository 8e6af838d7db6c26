"""What a model family is to the rest of the trainer: a function from labelled texts to a model on disk."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Probabilities = npt.NDArray[np.float64]

#: Called now and then with what is being done and the share that is done, in [0, 1].
Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A trained model, on disk as it will travel, and loaded from there.

    ``code`` is the models-from-code file, ``artifacts`` what it reads, ``requirements`` what it imports,
    ``model_config`` what a worker may set when it loads it (MLflow lets pass no others).
    ``probabilities`` answers texts with one row each, one column a label in the order of ``labels``.
    ``curve`` holds the figures of each step of the learning, keyed by ``step`` and by names of figures.
    """

    labels: tuple[str, ...]
    parameters: Mapping[str, Any]
    code: Path
    artifacts: Mapping[str, Path]
    requirements: tuple[str, ...]
    model_config: Mapping[str, Any] = field(default_factory=dict)
    probabilities: Callable[[Sequence[str]], Probabilities]
    curve: tuple[Mapping[str, float], ...] = ()


def _silent(words: str, share: float) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to go about a training.

    ``options`` are the family's own, by name. ``checkpoints`` is a folder in which a training that is cut off
    leaves what the next one of the same data, options and seed goes on from; without it, it starts anew.
    ``cache`` is a folder for what other trainings can use as well, such as a teacher's answers.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    checkpoints: Path | None = None
    cache: Path | None = None
    progress: Progress = _silent


AS_USUAL = Plan()


class Train(Protocol):
    """How a family is trained: texts, labels, seed and options decide it; artefacts go to ``folder``.

    The texts may lie on disk, more than memory holds: one by one all can be gone through.
    """

    def __call__(
        self, texts: Sequence[str], labels: Sequence[str], *, seed: int, folder: Path, plan: Plan = AS_USUAL
    ) -> Fitted:
        """Return the trained model.

        Raises:
            BadData: the texts cannot teach this family.
            BadRequest: an option is wrong, or a package is missing.
        """
