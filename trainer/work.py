"""The training queue's worker: RQ's own, one job at a time.

``rq.Worker`` and not ``SimpleWorker``: it forks a process per job. A training that crashes or runs out of
memory fails that one job at once with its reason, and whatever a training allocated goes back when it ends.
The fork costs 30 ms, and the parent has imported nothing heavy by then.
"""

import logging

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, Worker
from rq.serializers import JSONSerializer

from contract.jobs import TRAINING_QUEUE
from telemetry import supervisor
from trainer.errors import QueueUnavailable

_log = logging.getLogger(__name__)


def run(redis_url: str, *, burst: bool = False) -> None:
    """Work until told to stop (SIGTERM or Ctrl-C: the running job ends first; a second one stops it).

    ``burst`` ends once the queue is empty.

    Raises:
        QueueUnavailable: Redis does not answer at the start.
    """
    with Redis.from_url(redis_url) as connection:
        try:
            connection.ping()
        except RedisError as error:
            raise QueueUnavailable("Redis does not answer: start it, or set REDIS_URL") from error
        queue = Queue(TRAINING_QUEUE, connection=connection, serializer=JSONSerializer)
        worker = Worker([queue], connection=connection, serializer=JSONSerializer)
        _log.info("trainer.waiting", extra={"queue": TRAINING_QUEUE})
        supervisor.notify("READY=1")
        worker.work(burst=burst)
