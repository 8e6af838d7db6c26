"""What a worker tells the others about its model: a version refused, a version that serves.

Knows the stream of events; does not know who reads it. What Redis does not take now waits here and is sent
with the next look at the registry: a swap never depends on it.
"""

import logging
from collections import deque
from typing import Any

from redis import Redis, RedisError

from contract import WIRE_VERSION, keys
from contract.events import EVENTS_KEPT, EventType
from worker.errors import Refusal

#: The oldest are dropped beyond this: an alias that moves this often while Redis is away is no news any more.
WAITING = 100

log = logging.getLogger(__name__)


def connect(url: str) -> "Redis":
    """Return a client that gives up soon: meanwhile nobody looks at the alias. It connects on first use."""
    return Redis.from_url(url, socket_timeout=2, socket_connect_timeout=1, retry=None)


class Announcer:
    """Writes events in the name of one worker, in order, each at least once. No method raises.

    Args:
        redis: see ``connect``.
        model: the registered model.
        worker: RQ's name of this worker.
    """

    def __init__(self, redis: "Redis", model: str, worker: str) -> None:
        self._redis = redis
        self._model = model
        self._worker = worker
        # Strings; redis-py's type of a dict is wider, and a dict's type is invariant.
        self._waiting: deque[dict[Any, Any]] = deque(maxlen=WAITING)
        self._is_held_up = False

    def refused(self, version: str, reason: Refusal) -> None:
        """Tell that the alias points to a version that must not serve; ``send`` sends it."""
        self._add(EventType.MODEL_REFUSED, version, reason)

    def serving(self, version: str) -> None:
        """Tell that the version that the alias points to serves; ``send`` sends it."""
        self._add(EventType.MODEL_SERVING, version, "")

    def send(self) -> None:
        """Send what waits. With Redis away it goes on waiting, and the log says so once."""
        while self._waiting:
            try:
                self._redis.xadd(keys.EVENTS, self._waiting[0], maxlen=EVENTS_KEPT, approximate=True)
            except RedisError as error:
                if not self._is_held_up:
                    log.warning("model.events_wait", extra={"error": type(error).__name__})
                self._is_held_up = True
                return
            # Only now: an answer that is lost means an event sent twice, which readers allow for.
            self._waiting.popleft()
        self._is_held_up = False

    def _add(self, type: EventType, version: str, reason: str) -> None:
        self._waiting.append(
            {
                "v": str(WIRE_VERSION),
                "type": type,
                "model": self._model,
                "version": version,
                "worker": self._worker,
                "reason": reason,
            }
        )
