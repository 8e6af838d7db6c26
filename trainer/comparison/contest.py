"""Asks all models of a comparison the same, and measures each in a process of its own."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import mlflow
import numpy as np
import numpy.typing as npt

from trainer.behaviour.suite import failures, suited
from trainer.comparison.contestant import Contestant
from trainer.comparison.planning import Entry
from trainer.comparison.trainings import Step, Trainings
from trainer.data.language import language
from trainer.errors import ModelUnusable
from trainer.evaluation import evaluate, indices
from trainer.families.family import Fitted
from trainer.preparing import Prepared
from trainer.registry import Loaded, Registry, loaded
from trainer.serving import measure
from trainer.slices import slices

#: Seconds for each kind of call when serving is measured.
SECONDS = 10.0


class Contest:
    """The rows, and how each model is asked about them. ``trainings`` are the entry's, yet to be run."""

    def __init__(self, prepared: Prepared, entry: Entry, trainings: Trainings, step: Step) -> None:
        self._entry, self._trainings, self._step = entry, trainings, step
        self.texts = [row.text for row in prepared.evaluation]
        self._truth = [row.label for row in prepared.evaluation]
        self._slices, self._language = slices(self.texts), language(self.texts)

    def run(self, registry: Registry) -> Iterator[Contestant]:
        """Yield each contestant with its figures, once all that is to be trained is trained.

        Raises:
            ModelUnusable: a version cannot be loaded, answers otherwise, or knows other labels.
        """
        self._trainings.run()
        for family in self._entry.families:
            yield self._family(family)
        for number in self._entry.versions:
            yield self._version(number, registry)

    def truth(self, labels: Sequence[str]) -> npt.NDArray[np.int64]:
        """Return the true labels' positions."""
        return indices(labels, self._truth)

    def _family(self, family: str) -> Contestant:
        folder, whole = self._trainings.model(family), self._trainings.whole(family)
        # As it will serve: of several forms the one that a worker would choose.
        one = self._measured(family, family, loaded(str(folder), family), folder)
        return replace(
            one,
            training_s=whole[0].seconds,
            learning=self._trainings.learning(family),
            f1s=tuple(trained.macro_f1 for trained in whole),
            accuracies=tuple(trained.accuracy for trained in whole),
        )

    def _version(self, number: str, registry: Registry) -> Contestant:
        with tempfile.TemporaryDirectory(prefix="barometer-") as folder:
            model = registry.load(number, Path(folder))
            family = registry.version(number).tags.get("barometer.family", "")
            name = f"version {number}" + (f" ({family})" if family else "")
            return self._measured(name, family, model, Path(folder))

    def _measured(self, name: str, family: str, model: Loaded, folder: Path) -> Contestant:
        self._step(f"asking {name}")
        probabilities = model.probabilities(self.texts)
        try:
            evaluation = evaluate(model.labels, self._truth, probabilities, self._slices)
        except ValueError as error:
            raise ModelUnusable(f"{name} does not fit the rows: {error}") from error
        suite = suited(model.labels, self._language)
        behaviour = failures(suite, model.labels, model.probabilities(suite.texts)) if suite.cases else {}
        self._step(f"measuring {name}")
        return Contestant(
            name=name, family=family, evaluation=evaluation, answered=probabilities.argmax(axis=1),
            serving=measure(folder, self.texts, seconds=SECONDS), behaviour=behaviour, skipped=suite.skipped,
        )  # fmt: skip


def save(fitted: Fitted, folder: Path) -> None:
    """Write a model as MLflow would register it."""
    shutil.rmtree(folder, ignore_errors=True)  # what a crash has left
    mlflow.pyfunc.save_model(
        str(folder),
        python_model=str(fitted.code),
        artifacts={name: str(path) for name, path in fitted.artifacts.items()},
        pip_requirements=list(fitted.requirements),
        model_config=dict(fitted.model_config) or None,
    )
