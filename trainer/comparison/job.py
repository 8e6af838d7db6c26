"""One training of a comparison: what goes in, what comes out. It runs in the family's process apart."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from trainer.data.rows import Row
from trainer.families.family import Plan, Progress


@dataclass(frozen=True, slots=True)
class Trained:
    """What came of one training. ``seconds`` is None where it was cut off and went on."""

    accuracy: float
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
    cache: Path
    model: Path | None


def run(job: Job, progress: Progress) -> Trained:
    """Train, measure, and save the model where it is wanted."""
    from trainer.comparison.contest import save
    from trainer.evaluation import evaluate
    from trainer.families import FAMILIES

    goes_on = any(job.checkpoints.iterdir())
    plan = Plan(options=job.options, checkpoints=job.checkpoints, cache=job.cache, progress=progress)
    texts, labels = [row.text for row in job.training], [row.label for row in job.training]
    with TemporaryDirectory(prefix="barometer-") as folder:
        start = time.perf_counter()
        fitted = FAMILIES[job.family](texts, labels, seed=job.seed, folder=Path(folder), plan=plan)
        seconds = time.perf_counter() - start
        if job.model is not None:
            save(fitted, job.model)
        asked, truth = [row.text for row in job.evaluation], [row.label for row in job.evaluation]
        found = evaluate(fitted.labels, truth, fitted.probabilities(asked))
    return Trained(found.accuracy, found.macro_f1, None if goes_on else seconds)
