"""Texts in, outcomes out: one batch through the model, and the one text that spoils it found by bisection.

No Redis, no clock but a stopwatch.
"""

import logging
import time
import traceback
from collections.abc import Sequence
from typing import Protocol

from contract.labels import Answer
from worker.queue import Batch, Job, Outcome

log = logging.getLogger(__name__)

PREDICTION_ERROR = "prediction_error"


class Model(Protocol):
    """What a worker holds: a version that answers raw texts."""

    version: str

    def predict(self, texts: Sequence[str]) -> list[Answer]:
        """Answer each text, in order."""
        ...


def run(model: Model, jobs: Sequence[Job]) -> Batch:
    """Answer the jobs together; a text that raises fails alone."""
    begun = time.perf_counter()
    outcomes = _outcomes(model, jobs)
    return Batch(outcomes, model.version, time.perf_counter() - begun)


def _outcomes(model: Model, jobs: Sequence[Job]) -> list[Outcome]:
    try:
        answers = model.predict([job.text for job in jobs])
    except Exception as error:  # noqa: BLE001 - whatever a model raises belongs to its text, not to us
        if len(jobs) == 1:
            return [_failure(jobs[0], error)]
        middle = len(jobs) // 2
        return _outcomes(model, jobs[:middle]) + _outcomes(model, jobs[middle:])
    return [Outcome(job, answer) for job, answer in zip(jobs, answers, strict=True)]


def _failure(job: Job, error: Exception) -> Outcome:
    """Name the error by its class and place only: its message may quote the text."""
    name = type(error).__name__
    frames = traceback.format_list(traceback.extract_tb(error.__traceback__))
    log.error("prediction.failed", extra={"id": job.id, "error": name, "frames": frames})
    return Outcome(job, None, f"the model could not answer this text ({name})", PREDICTION_ERROR)
