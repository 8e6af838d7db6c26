"""Trains a family in a process apart: TensorFlow and torch, loaded into one process, end it.

A process a family, for all its trainings, so that its libraries are imported once.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from trainer.data.rows import Row
from trainer.errors import TrainingDied
from trainer.families.family import Plan


@dataclass(frozen=True, slots=True)
class Trained:
    """What came of one training. ``seconds`` is None where it was cut off and went on."""

    macro_f1: float
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One training: rows to learn from, rows to measure on, and where the model goes, if it is wanted."""

    family: str
    options: Mapping[str, Any]
    seed: int
    training: Sequence[Row]
    evaluation: Sequence[Row]
    checkpoints: Path
    model: Path | None


class Apart:
    """The process of one family."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def train(self, job: Job) -> Trained:
        """Train there.

        Raises:
            TrainerError: as for the family.
            TrainingDied: the process ended, for want of memory perhaps.
        """
        try:
            return self._pool.submit(run, job).result()
        except BrokenProcessPool as error:
            raise TrainingDied(
                f"the process that trained {job.family} died: perhaps memory ran out; asked again, it goes on"
            ) from error


@contextmanager
def apart() -> Iterator[Apart]:
    """Open a process, which starts with the first training."""
    # Not forked: a copy of a process that has threads and libraries at work is where the trouble begins.
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        yield Apart(pool)


def run(job: Job) -> Trained:
    """Train, measure, and save the model where it is wanted. Runs in the process apart."""
    from trainer.comparison.contest import save
    from trainer.evaluation import evaluate
    from trainer.families import FAMILIES

    goes_on = any(job.checkpoints.iterdir())
    plan = Plan(options=job.options, checkpoints=job.checkpoints)
    texts, labels = [row.text for row in job.training], [row.label for row in job.training]
    with TemporaryDirectory(prefix="barometer-") as folder:
        start = time.perf_counter()
        fitted = FAMILIES[job.family](texts, labels, seed=job.seed, folder=Path(folder), plan=plan)
        seconds = time.perf_counter() - start
        if job.model is not None:
            save(fitted, job.model)
        asked, truth = [row.text for row in job.evaluation], [row.label for row in job.evaluation]
        macro_f1 = evaluate(fitted.labels, truth, fitted.probabilities(asked)).macro_f1
    return Trained(macro_f1, None if goes_on else seconds)
