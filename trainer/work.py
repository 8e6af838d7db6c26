"""The training queue's worker: RQ's own, one job at a time.

``rq.Worker`` and not ``SimpleWorker``: it forks a process per job. A training that crashes or runs out of
memory fails that one job at once with its reason, and whatever a training allocated goes back when it ends.
The fork costs 30 ms, and the parent has imported nothing heavy by then.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, Retry, Worker
from rq.serializers import JSONSerializer

from contract.jobs import TRAINING_QUEUE
from telemetry import supervisor
from trainer.errors import BadRequest, QueueUnavailable
from trainer.jobs import CONCLUDE, TRAIN, Arguments

#: How often a look that failed is tried again, and after how many seconds: MLflow may be away for a while.
AGAIN = (20, 60)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Trial:
    """A version in the champion's shadow, and until when it has to have been compared."""

    model: str
    version: str
    champion: str
    until: datetime


def run(redis_url: str, *, burst: bool = False, with_trials: bool = False) -> None:
    """Work until told to stop (SIGTERM or Ctrl-C: the running job ends first; a second one stops it).

    ``burst`` ends once the queue is empty. ``with_trials`` runs what is scheduled as well, which takes RQ a
    process more.

    Raises:
        QueueUnavailable: Redis does not answer at the start.
    """
    with _queue(redis_url) as queue:
        worker = Worker([queue], connection=queue.connection, serializer=JSONSerializer)
        _log.info("trainer.waiting", extra={"queue": TRAINING_QUEUE})
        supervisor.notify("READY=1")
        worker.work(burst=burst, with_scheduler=with_trials)


def enqueue(redis_url: str, wanted: Arguments) -> str:
    """Queue a training and return its job's id.

    Raises:
        BadRequest: one of this model waits or runs already.
        QueueUnavailable: Redis does not answer.
    """
    with _queue(redis_url) as queue:
        for id in (*queue.job_ids, *queue.started_job_registry.get_job_ids()):
            job = queue.fetch_job(id)
            if (
                job is not None
                and job.func_name == TRAIN
                and job.args
                and job.args[0].get("model") == wanted.model
            ):
                raise BadRequest(f"a training of {wanted.model} waits or runs already, as {id}")
        # The arguments hold paths: without a description RQ would log them.
        job = queue.enqueue(
            TRAIN, wanted.model_dump(mode="json"), description=f"training of {wanted.model}", job_timeout=-1
        )
        return str(job.id)


def schedule(redis_url: str, trial: Trial, after: timedelta) -> None:
    """Have the trainer look after a while how a version does in the shadow.

    Raises:
        QueueUnavailable: Redis does not answer.
    """
    arguments = {
        "model": trial.model,
        "version": trial.version,
        "champion": trial.champion,
        "until": trial.until.isoformat(),
    }
    with _queue(redis_url) as queue:
        queue.enqueue_in(
            after, CONCLUDE, arguments, description=f"shadow of {trial.model}", retry=Retry(*AGAIN)
        )


@contextmanager
def _queue(redis_url: str) -> Iterator[Queue]:
    with Redis.from_url(redis_url) as connection:
        try:
            connection.ping()
        except RedisError as error:
            raise QueueUnavailable("Redis does not answer: start it, or set REDIS_URL") from error
        yield Queue(TRAINING_QUEUE, connection=connection, serializer=JSONSerializer)
