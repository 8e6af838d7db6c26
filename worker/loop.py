"""Claim, predict, commit, until told to stop.

The order is the guarantee. Heartbeat before claim: a registered worker is a ready one. Hold before predict: a
batch longer than a lease keeps it. Commit before letting go of the leases: a crash between them repeats work,
never loses it.
"""

import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import redis

from worker import inference
from worker.heartbeat import Heartbeat
from worker.inference import Model
from worker.queue import Queue

log = logging.getLogger(__name__)

#: How long an idle worker sleeps on the doorbell; also how late it notices a job enqueued without ringing.
IDLE = timedelta(seconds=1)
#: Between two tries while Redis is away.
RETRY_S = 0.25

#: What Redis gets over without us: away, loading, a replica in a failover, or full.
_PASSING = (redis.ConnectionError, redis.TimeoutError, redis.ReadOnlyError, redis.OutOfMemoryError)
#: Redis 6.2 wraps it in a script error. Nothing is half written: a script is refused at its first write.
_FULL = "OOM command not allowed"

T = TypeVar("T")


class Loop:
    """One worker's loop over one queue.

    Args:
        model: returns the model that serves now; asked once for each batch, so a swap falls between two.
        stop: set from a signal handler; the batch in hand is finished first.
    """

    def __init__(
        self,
        queue: Queue,
        heartbeat: Heartbeat,
        model: Callable[[], Model],
        batch_size: int,
        stop: threading.Event,
    ) -> None:
        self._queue = queue
        self._heartbeat = heartbeat
        self._model = model
        self._batch_size = batch_size
        self._stop = stop
        self._redis_away = False

    def run(self) -> None:
        """Work until ``stop`` is set."""
        while not self._stop.is_set():
            self._once()

    def _once(self) -> None:
        jobs = self._insist(lambda: self._queue.claim(self._batch_size))
        if not jobs:
            self._insist(lambda: self._queue.wait(IDLE))
            return
        self._heartbeat.hold([job.lease for job in jobs])
        batch = inference.run(self._model(), jobs)
        committed = self._insist(lambda: self._queue.commit(batch))
        self._heartbeat.hold(())
        if committed != len(jobs):
            log.warning("commit.refused", extra={"jobs": len(jobs) - (committed or 0)})

    def _insist(self, call: Callable[[], T]) -> T | None:
        """Call Redis until it answers; give up only when told to stop."""
        while True:
            try:
                answer = call()
            except redis.RedisError as error:
                if not _is_passing(error):
                    raise
                if not self._redis_away:
                    log.error("redis.away", extra={"error": type(error).__name__})  # noqa: TRY400 - no traceback
                    self._redis_away = True
                if self._stop.wait(RETRY_S):
                    return None
            else:
                if self._redis_away:
                    log.info("redis.back")
                    self._redis_away = False
                return answer


def _is_passing(error: redis.RedisError) -> bool:
    return isinstance(error, _PASSING) or _FULL in str(error)
