"""Trains what is to be trained, asks all models the same, and measures each in a process of its own.

What has been trained is kept in a folder until the comparison has ended, so that one that is cut off goes on.
"""

import json
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import numpy.typing as npt

from trainer.behaviour.suite import failures, suited
from trainer.comparison.apart import Apart, Job, Trained, apart
from trainer.comparison.contestant import Contestant, Point
from trainer.data.cleaning import MIN_ROWS_PER_LABEL
from trainer.data.language import language
from trainer.data.rows import Row, skeleton
from trainer.errors import BadData, BadRequest, ModelUnusable
from trainer.evaluation import evaluate, indices
from trainer.families import FAMILIES
from trainer.families.family import Fitted
from trainer.preparing import Prepared
from trainer.registry import Loaded, Registry, loaded
from trainer.serving import measure
from trainer.slices import slices

#: Shares of the training rows for the learning curve, before all of them.
SHARES = (0.01, 0.03, 0.1, 0.3)
#: Seconds for each kind of call when serving is measured.
SECONDS = 10.0

Step = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What takes part: families to train, each with so many seeds, and versions that are there already.

    ``options`` maps a family to its own.
    """

    families: tuple[str, ...] = ()
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    versions: tuple[str, ...] = ()
    seeds: int = 1
    curve: bool = True


class Contest:
    """The rows, and how each model is asked about them. ``kept`` is a folder for what has been trained."""

    def __init__(self, prepared: Prepared, entry: Entry, kept: Path, step: Step) -> None:
        self._prepared, self._entry, self._kept, self._step = prepared, entry, kept, step
        self.texts = [row.text for row in prepared.evaluation]
        self._truth = [row.label for row in prepared.evaluation]
        self._slices, self._language = slices(self.texts), language(self.texts)

    def run(self, registry: Registry) -> Iterator[Contestant]:
        """Yield each contestant with its figures.

        Raises:
            BadRequest: there is no such family, or nothing takes part.
            ModelUnusable: a version cannot be loaded, answers otherwise, or knows other labels.
        """
        if not self._entry.families and not self._entry.versions:
            raise BadRequest("nothing to compare: name a --family to train or a --version that is registered")
        unknown = {*self._entry.families, *self._entry.options} - FAMILIES.keys()
        if unknown:
            raise BadRequest(f"there is no family '{min(unknown)}'; there are: {', '.join(FAMILIES)}")
        for family in self._entry.families:
            yield self._family(family)
        for number in self._entry.versions:
            yield self._version(number, registry)

    def truth(self, labels: Sequence[str]) -> npt.NDArray[np.int64]:
        """Return the true labels' positions."""
        return indices(labels, self._truth)

    def _family(self, family: str) -> Contestant:
        rows = self._prepared.training
        with apart() as process:
            whole = [self._trained(process, family, rows, seed) for seed in range(self._entry.seeds)]
            learning = tuple(self._curve(process, family, whole[0])) if self._entry.curve else ()
        folder = self._model(family)
        # As it will serve: of several forms the one that a worker would choose.
        one = self._measured(family, family, loaded(str(folder), family), folder)
        f1s = tuple(trained.macro_f1 for trained in whole)
        return replace(one, training_s=whole[0].seconds, learning=learning, f1s=f1s)

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

    def _curve(self, process: Apart, family: str, whole: Trained) -> Iterator[Point]:
        """Yield the learning curve, of the first seed; a share that cannot teach each label is left out."""
        every = self._prepared.training
        labels = {row.label for row in every}
        for share in SHARES:
            rows = part(every, share)
            if not teaches(rows, labels):
                continue
            try:
                trained = self._trained(process, family, rows, 0)
            except BadData:
                continue  # too few rows for this family
            yield Point(share, len(rows), trained.macro_f1, trained.seconds)
        yield Point(1.0, len(every), whole.macro_f1, whole.seconds)

    def _trained(self, process: Apart, family: str, rows: Sequence[Row], seed: int) -> Trained:
        """Train, or return what was trained before the comparison was cut off."""
        folder = self._kept / f"{family}-{len(rows)}-{seed}"
        done, unfinished = folder / "done.json", folder / "unfinished"
        if done.exists():
            return Trained(**json.loads(done.read_text()))
        unfinished.mkdir(parents=True, exist_ok=True)
        self._step(f"training {family} on {len(rows)} rows, seed {seed}")
        is_first = seed == 0 and len(rows) == len(self._prepared.training)
        job = Job(
            family=family, options=self._entry.options.get(family, {}), seed=seed, training=rows,
            evaluation=self._prepared.evaluation, checkpoints=unfinished,
            model=self._model(family) if is_first else None,
        )  # fmt: skip
        trained = process.train(job)
        # Last: whatever was cut off before is trained again.
        done.write_text(json.dumps(asdict(trained)))
        shutil.rmtree(unfinished)
        return trained

    def _model(self, family: str) -> Path:
        return self._kept / f"{family}-model"


def part(rows: Sequence[Row], share: float) -> tuple[Row, ...]:
    """Return a share of the rows, chosen by their texts alone: the small parts lie within the larger ones."""
    ordered = sorted(rows, key=lambda row: sha256(f"curve {skeleton(row.text)}".encode()).digest())
    return tuple(ordered[: round(share * len(rows))])


def teaches(rows: Sequence[Row], labels: Collection[str]) -> bool:
    """Tell whether there are rows enough of each label."""
    found = [row.label for row in rows]
    return all(found.count(label) >= MIN_ROWS_PER_LABEL for label in labels)


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
