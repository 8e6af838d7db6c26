"""The worker as RQ's tools see it. The only file that knows RQ's worker class."""

import os
import secrets
import socket
from collections.abc import Callable, Sequence
from datetime import timedelta

from redis import Redis
from rq import SimpleWorker
from rq.serializers import JSONSerializer
from rq.worker import WorkerStatus

from contract import keys
from worker.queue import LEASE

#: A worker that is gone disappears from ``rq info`` when its leases do, give or take a heartbeat.
PRESENCE = LEASE + timedelta(seconds=4)


def new_name() -> str:
    """Return a name for the worker that this process is: no other ever had it."""
    return f"{socket.gethostname()}.{os.getpid()}.{secrets.token_hex(3)}"


class Registration:
    """This worker's entry in RQ's registry of workers; a registered worker has a model and is ready.

    Args:
        version: returns the version that serves now, for people to see.
        name: the worker's, if it has been used already.
    """

    def __init__(
        self, redis_url: str, queues: Sequence[str], version: Callable[[], str], name: str | None = None
    ) -> None:
        self.name = name or new_name()
        self._version = version
        self._redis = Redis.from_url(redis_url)
        self._worker = SimpleWorker(
            list(queues),
            name=self.name,
            connection=self._redis,
            serializer=JSONSerializer,
            log_job_description=False,
        )

    def announce(self) -> None:
        """Appear, or appear again after Redis forgot us; then stay for ``PRESENCE``."""
        if not self._redis.hexists(keys.WORKER_PREFIX + self.name, "birth"):
            self._redis.delete(keys.WORKER_PREFIX + self.name)
            self._worker.register_birth()
            self._worker.set_state(WorkerStatus.IDLE)
        self._redis.hset(keys.WORKER_PREFIX + self.name, keys.SERVING, self._version())
        self._worker.heartbeat(timeout=int(PRESENCE.total_seconds()))

    def withdraw(self) -> None:
        """Disappear, for a clean stop."""
        self._worker.register_death()
