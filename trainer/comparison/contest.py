"""Trains what is to be trained, asks all models the same, and measures each in a process of its own."""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import mlflow
import numpy as np
import numpy.typing as npt

from trainer.behaviour.suite import failures, suited
from trainer.comparison.contestant import Contestant, Point
from trainer.data.cleaning import MIN_ROWS_PER_LABEL
from trainer.data.language import language
from trainer.data.rows import Row, skeleton
from trainer.errors import BadRequest, ModelUnusable
from trainer.evaluation import evaluate, indices
from trainer.families import FAMILIES
from trainer.families.family import Fitted, Probabilities
from trainer.preparing import Prepared
from trainer.registry import Registry
from trainer.serving import measure
from trainer.slices import slices

#: Shares of the training rows for the learning curve, before all of them.
SHARES = (0.01, 0.03, 0.1, 0.3)
#: Seconds for each kind of call when serving is measured.
SECONDS = 10.0

Step = Callable[[str], None]
Answer = Callable[[Sequence[str]], Probabilities]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What takes part: families to train, each with so many seeds, and versions that are there already."""

    families: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    seeds: int = 1
    curve: bool = True


@dataclass(frozen=True, slots=True)
class Trained:
    """A family trained once."""

    fitted: Fitted
    seconds: float


class Contest:
    """The rows, and how each model is asked about them."""

    def __init__(self, prepared: Prepared, step: Step) -> None:
        self._training, self._step = prepared.training, step
        self.texts = [row.text for row in prepared.evaluation]
        self._truth = [row.label for row in prepared.evaluation]
        self._slices, self._language = slices(self.texts), language(self.texts)

    def run(self, entry: Entry, registry: Registry) -> Iterator[Contestant]:
        """Yield each contestant with its figures.

        Raises:
            BadRequest: there is no such family, or nothing takes part.
            ModelUnusable: a version cannot be loaded, answers otherwise, or knows other labels.
        """
        if not entry.families and not entry.versions:
            raise BadRequest("nothing to compare: name a --family to train or a --version that is registered")
        unknown = [family for family in entry.families if family not in FAMILIES]
        if unknown:
            raise BadRequest(f"there is no family '{unknown[0]}'; there are: {', '.join(FAMILIES)}")
        for family in entry.families:
            yield self._family(family, entry)
        for number in entry.versions:
            yield self._version(number, registry)

    def truth(self, labels: Sequence[str]) -> npt.NDArray[np.int64]:
        """Return the true labels' positions."""
        return indices(labels, self._truth)

    def _family(self, family: str, entry: Entry) -> Contestant:
        with ExitStack() as folders:
            trained = []
            for seed in range(entry.seeds):
                self._step(f"training {family}, seed {seed}")
                trained.append(_train(family, self._training, seed, _folder(folders)))
            first = trained[0]
            saved = _folder(folders) / "model"
            save(first.fitted, saved)
            one = self._measured(
                family, family, first.fitted.labels, first.fitted.probabilities, saved,
                training_s=first.seconds,
                learning=tuple(self._curve(family, first)) if entry.curve else (),
            )  # fmt: skip
            f1s = [one.evaluation.macro_f1, *(self._f1(again.fitted) for again in trained[1:])]
        return replace(one, f1s=tuple(f1s))

    def _version(self, number: str, registry: Registry) -> Contestant:
        with tempfile.TemporaryDirectory(prefix="barometer-") as folder:
            loaded = registry.load(number, Path(folder))
            family = registry.version(number).tags.get("barometer.family", "")
            name = f"version {number}" + (f" ({family})" if family else "")
            return self._measured(name, family, loaded.labels, loaded.probabilities, Path(folder))

    def _measured(
        self,
        name: str,
        family: str,
        labels: tuple[str, ...],
        ask: Answer,
        folder: Path,
        *,
        training_s: float | None = None,
        learning: tuple[Point, ...] = (),
    ) -> Contestant:
        self._step(f"asking {name}")
        probabilities = ask(self.texts)
        try:
            evaluation = evaluate(labels, self._truth, probabilities, self._slices)
        except ValueError as error:
            raise ModelUnusable(f"{name} does not fit the rows: {error}") from error
        suite = suited(labels, self._language)
        behaviour = failures(suite, labels, ask(suite.texts)) if suite.cases else {}
        self._step(f"measuring {name}")
        return Contestant(
            name=name, family=family, evaluation=evaluation, answered=probabilities.argmax(axis=1),
            serving=measure(folder, self.texts, seconds=SECONDS), behaviour=behaviour, skipped=suite.skipped,
            training_s=training_s, learning=learning,
        )  # fmt: skip

    def _curve(self, family: str, whole: Trained) -> Iterator[Point]:
        """Yield the learning curve, of the first seed; a share that cannot teach each label is left out."""
        for share in SHARES:
            rows = part(self._training, share)
            if not teaches(rows, whole.fitted.labels):
                continue
            self._step(f"training {family} on {share:.0%}")
            with tempfile.TemporaryDirectory(prefix="barometer-") as folder:
                trained = _train(family, rows, 0, Path(folder))
                yield Point(share, len(rows), self._f1(trained.fitted), trained.seconds)
        yield Point(1.0, len(self._training), self._f1(whole.fitted), whole.seconds)

    def _f1(self, fitted: Fitted) -> float:
        return evaluate(fitted.labels, self._truth, fitted.probabilities(self.texts)).macro_f1


def part(rows: Sequence[Row], share: float) -> tuple[Row, ...]:
    """Return a share of the rows, chosen by their texts alone: the small parts lie within the larger ones."""
    ordered = sorted(rows, key=lambda row: sha256(f"curve {skeleton(row.text)}".encode()).digest())
    return tuple(ordered[: round(share * len(rows))])


def teaches(rows: Sequence[Row], labels: Sequence[str]) -> bool:
    """Tell whether there are rows enough of each label."""
    found = [row.label for row in rows]
    return all(found.count(label) >= MIN_ROWS_PER_LABEL for label in labels)


def save(fitted: Fitted, folder: Path) -> None:
    """Write a model as MLflow would register it."""
    mlflow.pyfunc.save_model(
        str(folder),
        python_model=str(fitted.code),
        artifacts={name: str(path) for name, path in fitted.artifacts.items()},
        pip_requirements=list(fitted.requirements),
        model_config=dict(fitted.model_config) or None,
    )


def _train(family: str, rows: Sequence[Row], seed: int, folder: Path) -> Trained:
    start = time.perf_counter()
    fitted = FAMILIES[family](
        [row.text for row in rows], [row.label for row in rows], seed=seed, folder=folder
    )
    return Trained(fitted, time.perf_counter() - start)


def _folder(folders: ExitStack) -> Path:
    return Path(folders.enter_context(tempfile.TemporaryDirectory(prefix="barometer-")))
