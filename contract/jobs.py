"""A job on the queue: it carries the id of a prediction and nothing of its text.

The text lies in the prediction's record, so RQ's log lines, ``rq info`` and rq-dashboard can never
show it.
"""

from datetime import timedelta
from enum import StrEnum
from typing import TypedDict

#: What a stock RQ worker calls with the prediction's id. Named, not imported: the gateway never loads
#: the worker. A test resolves it.
PREDICT = "worker.jobs.predict"
#: What the trainer's worker calls, with a dict; see trainer.jobs. A test resolves these too.
TRAIN = "trainer.jobs.train"
ROLL_BACK = "trainer.jobs.roll_back"
#: Shown by RQ's tools in place of the arguments.
DESCRIPTION = "prediction"
#: The queue the trainer service works on.
TRAINING_QUEUE = "training"

#: Three dead workers are no accident: the text kills them.
MAX_DEATHS = 3
#: How long a terminal prediction can be read, and its idempotent create repeated.
RETENTION = timedelta(hours=24)
#: How long RQ's own record of a finished job stays for its tools (RQ's default result_ttl).
FINISHED_JOB_TTL = timedelta(seconds=500)
#: How long a stock RQ worker may take over one job (RQ's default timeout).
JOB_TIMEOUT = timedelta(seconds=180)


class Judged(TypedDict):
    """A line at ``keys.training_feedback``: a text, and the label that people say is the true one.

    ``id`` and ``owner`` are the prediction's, so that what is erased meanwhile can be taken out.
    """

    id: str
    owner: str
    text: str
    label: str


class Stage(TypedDict):
    """What a training writes into the ``meta`` of its RQ job. ``share`` of the stage is done, if known."""

    stage: str
    share: float | None


#: How long feedback waits for the training that it was handed to. It is people's texts.
FEEDBACK_WAITS = timedelta(hours=24)


class Lane(StrEnum):
    """The queues of one model, each one of RQ's. Explanations take longer than answers: they wait apart."""

    HIGH = "high"
    DEFAULT = "default"
    BULK = "bulk"
    EXPLAIN = "explain"


#: Those whose predictions run together in one batch, first served first.
PRIORITIES = (Lane.HIGH, Lane.DEFAULT, Lane.BULK)


def data(prediction_id: str) -> str:
    """Return RQ's call in its JSON serialisation: ``[function, instance, args, kwargs]``.

    Without spaces it stays within 64 characters, and Redis keeps the job's hash as one compact string.
    """
    return f'["{PREDICT}",null,["{prediction_id}"],{{}}]'


def queue_name(model: str, lane: Lane = Lane.DEFAULT) -> str:
    """Return the RQ queue that feeds the workers of one registered model.

    MLflow allows no colon in a model's name, so no two models share a queue.
    """
    return model if lane is Lane.DEFAULT else f"{model}:{lane}"


def queue_names(model: str) -> list[str]:
    """Return all queues of a model, in the order of :class:`Lane`."""
    return [queue_name(model, lane) for lane in Lane]
