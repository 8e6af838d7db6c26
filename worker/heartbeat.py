"""The thread that keeps this worker's leases while a batch runs, and takes back those of the dead.

It runs beside the loop because a batch may take longer than a lease. When the whole process is paused it
stops too, which is the point: the lease ends, another worker takes over, the fence refuses our late commit.
"""

import logging
import threading
from collections.abc import Sequence

import redis

from worker.metrics import Metrics
from worker.queue import Queue
from worker.registration import Registration

log = logging.getLogger(__name__)


class Heartbeat:
    """Extends what the loop holds, every third of a lease; reaps and stays registered with the same beat."""

    def __init__(self, queue: Queue, registration: Registration, metrics: Metrics) -> None:
        self._queue = queue
        self._metrics = metrics
        self._interval_s = queue.lease.total_seconds() / 3
        self._registration = registration
        self._held: Sequence[str] = ()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Register the worker, then beat until stopped."""
        self._beat()
        self._thread.start()

    def stop(self) -> None:
        """Stop beating and leave RQ's registry."""
        self._stop.set()
        self._thread.join()
        try:
            self._registration.withdraw()
        except redis.RedisError:
            log.warning("registration.left", extra={"reason": "Redis is away; the entry expires by itself"})

    def hold(self, leases: Sequence[str]) -> None:
        """Extend these from now on; the loop calls it with () when the batch is committed."""
        self._held = leases

    def _run(self) -> None:
        while not self._stop.wait(self._interval_s):
            self._beat()

    def _beat(self) -> None:
        held = self._held
        try:
            if held:
                self._queue.extend(held)
            requeued, failed = self._queue.reap()
            self._registration.announce()
        except redis.RedisError as error:
            # The loop reports Redis as away, and waits; this thread only tries again.
            log.debug("heartbeat.missed", extra={"error": type(error).__name__})
            return
        except Exception:
            # A thread that dies quietly would cost every long batch its lease.
            log.exception("heartbeat.failed")
            return
        self._metrics.reaped.labels("requeued").inc(requeued)
        self._metrics.reaped.labels("failed").inc(failed)
        if requeued or failed:
            log.warning("leases.reaped", extra={"requeued": requeued, "failed": failed})
