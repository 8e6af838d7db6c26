"""Texts in, outcomes out: one batch through the model, and the one text that spoils it found by bisection.

No Redis, no clock but a stopwatch.
"""

import logging
import time
import traceback
from collections.abc import Sequence
from typing import Any, Protocol

from contract.labels import Answer
from worker.batch import Batch, Job, Outcome, Waiting
from worker.batching import cost
from worker.model import Encoded

log = logging.getLogger(__name__)

PREDICTION_ERROR = "prediction_error"
TEXT_TOO_LONG = "text_too_long"
NO_EXPLANATION = "no_explanation"


class Model(Protocol):
    """What a worker holds: one version, see ``worker.model.RegisteredModel``."""

    version: str
    is_padded: bool
    can_explain: bool

    def encode(self, texts: Sequence[str]) -> Sequence[Encoded]:
        """Make of each text what ``classify`` reads."""
        ...

    def classify(self, encoded: Sequence[Encoded]) -> list[Answer]:
        """Answer each, in order."""
        ...

    def explain(self, text: str) -> list[dict[str, Any]]:
        """Say which parts of the text made the answer."""
        ...


def encode(model: Model, jobs: Sequence[Job]) -> tuple[list[Waiting], list[Outcome]]:
    """Encode the texts of claimed jobs; return those that can run, and how those that cannot have ended."""
    waiting, ended = [], []
    for job, encoded in zip(jobs, _encoded(model, jobs), strict=True):
        if isinstance(encoded, Outcome):
            ended.append(encoded)
        elif encoded.is_truncated and not job.may_truncate:
            said = "the text is longer than the model can read, and truncate is false"
            ended.append(Outcome(job, None, said, TEXT_TOO_LONG))
        else:
            waiting.append(Waiting(job, encoded, model.version))
    return waiting, ended


def run(model: Model, waiting: Sequence[Waiting], ended: Sequence[Outcome] = ()) -> Batch:
    """Answer the texts together; one that raises fails alone. ``ended`` are committed with the batch."""
    begun = time.perf_counter()
    outcomes = _outcomes(model, waiting) if waiting else []
    taken = time.perf_counter() - begun
    sizes = [one.encoded.tokens for one in waiting]
    padded = cost(sizes, is_padded=model.is_padded)
    return Batch([*outcomes, *ended], model.version, taken, sum(sizes), padded)


def explain(model: Model, job: Job) -> Batch:
    """Answer one text and say why."""
    begun = time.perf_counter()
    waiting, ended = encode(model, [job])
    outcomes = [_explained(model, outcome) for outcome in _outcomes(model, waiting)] if waiting else ended
    return Batch(outcomes, model.version, time.perf_counter() - begun)


def _explained(model: Model, outcome: Outcome) -> Outcome:
    job = outcome.job
    if outcome.answer is None:
        return outcome
    if not model.can_explain:
        return Outcome(job, None, "this model cannot explain its answers", NO_EXPLANATION)
    try:
        parts = model.explain(job.text)
    except Exception as error:  # noqa: BLE001 - whatever a model raises belongs to its text, not to us
        return _failure(job, error)
    return Outcome(job, outcome.answer, is_truncated=outcome.is_truncated, explanation=parts)


def _encoded(model: Model, jobs: Sequence[Job]) -> list[Encoded | Outcome]:
    try:
        return list(model.encode([job.text for job in jobs]))
    except Exception as error:  # noqa: BLE001 - as below
        if len(jobs) == 1:
            return [_failure(jobs[0], error)]
        return [encoded for job in jobs for encoded in _encoded(model, [job])]


def _outcomes(model: Model, waiting: Sequence[Waiting]) -> list[Outcome]:
    try:
        answers = model.classify([one.encoded for one in waiting])
        return [_outcome(one, answer) for one, answer in zip(waiting, answers, strict=True)]
    except Exception as error:  # noqa: BLE001 - whatever a model raises belongs to its text, not to us
        if len(waiting) == 1:
            return [_failure(waiting[0].job, error)]
        middle = len(waiting) // 2
        return _outcomes(model, waiting[:middle]) + _outcomes(model, waiting[middle:])


def _outcome(one: Waiting, answer: Answer) -> Outcome:
    if not 0 <= answer.score <= 1:  # also false for NaN, which is no JSON
        said = "the model gave this text no probability"
        return Outcome(one.job, None, said, PREDICTION_ERROR, one.encoded.is_truncated)
    return Outcome(one.job, answer, is_truncated=one.encoded.is_truncated)


def _failure(job: Job, error: Exception) -> Outcome:
    """Name the error by its class and place only: its message may quote the text."""
    name = type(error).__name__
    frames = traceback.format_list(traceback.extract_tb(error.__traceback__))
    said = {"id": job.id, "error": name, "frames": frames}
    if job.trace:
        said["trace"] = job.trace
    log.error("prediction.failed", extra=said)
    return Outcome(job, None, f"the model could not answer this text ({name})", PREDICTION_ERROR)
