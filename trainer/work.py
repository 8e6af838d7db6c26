"""The training queue's worker: RQ's own, one job at a time.

``rq.Worker`` and not ``SimpleWorker``: it forks a process per job. A training that crashes or runs out of
memory fails that one job at once with its reason, and whatever a training allocated goes back when it ends.
The fork costs 30 ms, and the parent has imported nothing heavy by then.
"""

import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, Worker
from rq.serializers import JSONSerializer

from contract.jobs import TRAINING_QUEUE
from telemetry import supervisor
from trainer import unfinished
from trainer.errors import BadRequest, QueueUnavailable
from trainer.jobs import TRAIN, Arguments

#: What is canceled has this long to put away what it has in hand, before it is killed.
GRACE_S = 60.0

_log = logging.getLogger(__name__)


class TrainingWorker(Worker):
    """RQ's worker; a training that is canceled, or too slow, is asked to end before it is killed."""

    checkpoints: Path

    def kill_horse(self, sig: signal.Signals = signal.SIGKILL) -> None:
        """Ask first."""
        if sig != signal.SIGKILL:
            super().kill_horse(sig)
            return
        horse = self.horse_pid
        super().kill_horse(signal.SIGTERM)
        timer = threading.Timer(GRACE_S, self._insist, (horse,))
        timer.daemon = True
        timer.start()

    def _insist(self, horse: int) -> None:
        if horse and self.horse_pid == horse:
            super().kill_horse(signal.SIGKILL)

    def handle_work_horse_killed(self, job: Any, retpid: Any, ret_val: Any, rusage: Any) -> None:
        """Say in MLflow what a training that was killed could not."""
        super().handle_work_horse_killed(job, retpid, ret_val, rusage)  # type: ignore[no-untyped-call]
        tidy(self.checkpoints)


def tidy(checkpoints: Path) -> None:
    """Have runs ended that were left running: by a process of its own, because it imports MLflow."""
    if unfinished.left(checkpoints):
        done = subprocess.run([sys.executable, "-m", "trainer", "tidy"], check=False)
        if done.returncode:
            _log.warning("trainer.untidy", extra={"reason": "the next training tries again"})


def run(redis_url: str, checkpoints: Path, *, burst: bool = False) -> None:
    """Work until told to stop (SIGTERM or Ctrl-C: the running job ends first; a second one stops it).

    ``burst`` ends once the queue is empty.

    Raises:
        QueueUnavailable: Redis does not answer at the start.
    """
    with _queue(redis_url) as queue:
        worker = TrainingWorker([queue], connection=queue.connection, serializer=JSONSerializer)
        worker.checkpoints = checkpoints
        tidy(checkpoints)
        _log.info("trainer.waiting", extra={"queue": TRAINING_QUEUE})
        supervisor.notify("READY=1")
        worker.work(burst=burst)


def enqueue(redis_url: str, wanted: Arguments) -> str:
    """Queue a training and return its job's id.

    Raises:
        BadRequest: one of this model waits or runs already.
        QueueUnavailable: Redis does not answer.
    """
    with _queue(redis_url) as queue:
        for id in (*queue.job_ids, *queue.started_job_registry.get_job_ids()):
            job = queue.fetch_job(id)
            if job is not None and job.args and job.args[0].get("model") == wanted.model:
                raise BadRequest(f"a training of {wanted.model} waits or runs already, as {id}")
        # The arguments hold paths: without a description RQ would log them.
        job = queue.enqueue(
            TRAIN, wanted.model_dump(mode="json"), description=f"training of {wanted.model}", job_timeout=-1
        )
        return str(job.id)


@contextmanager
def _queue(redis_url: str) -> Iterator[Queue]:
    with Redis.from_url(redis_url) as connection:
        try:
            connection.ping()
        except RedisError as error:
            raise QueueUnavailable("Redis does not answer: start it, or set REDIS_URL") from error
        yield Queue(TRAINING_QUEUE, connection=connection, serializer=JSONSerializer)
