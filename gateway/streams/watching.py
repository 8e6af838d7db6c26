"""Noticing that a prediction has moved on, for those who follow one from beginning to end.

The end is known from the event stream (``gateway.waiting``), at once. That an attempt began is no event: one
call a second asks for all that are followed from this process together, and none while nobody follows one.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from redis.asyncio import Redis
from redis.exceptions import RedisError

from contract import keys
from gateway.waiting import Waiters

#: How late one may learn that an attempt began.
EVERY_S = 1.0


class Streams:
    """The open streams of this process, and what wakes them."""

    def __init__(self, redis: "Redis", waiters: Waiters) -> None:
        self._redis = redis
        self._waiters = waiters
        self._open: dict[str, set[asyncio.Event]] = {}
        self._seen: dict[str, list[str | None]] = {}
        self._is_any = asyncio.Event()
        #: Set when the gateway stops: every stream ends, and its client goes on elsewhere.
        self.is_stopping = False

    def stop(self) -> None:
        """End all streams."""
        self.is_stopping = True
        for changed in self._open.values():
            for one in changed:
                one.set()

    @contextmanager
    def watching(self, id: str) -> Iterator[asyncio.Event]:
        """Give an event that is set whenever the prediction may have changed.

        Enter before its state is read: a change in between is then seen.
        """
        changed = asyncio.Event()
        self._open.setdefault(id, set()).add(changed)
        self._is_any.set()
        try:
            with self._waiters.waiting(id) as ended:
                ended.add_done_callback(lambda _: changed.set())
                yield changed
        finally:
            self._open[id].discard(changed)
            if not self._open[id]:
                del self._open[id]
                self._seen.pop(id, None)

    async def run(self) -> None:
        """Look after attempts that began, for as long as the gateway lives."""
        while True:
            await self._is_any.wait()
            await asyncio.sleep(EVERY_S)
            if not self._open:
                self._is_any.clear()
                continue
            try:
                await self._look()
            except (RedisError, OSError):
                continue  # the waiters' reader reports Redis as away

    async def _look(self) -> None:
        ids = list(self._open)
        pipeline = self._redis.pipeline(transaction=False)
        for id in ids:
            pipeline.hmget(keys.prediction(id), "status", "attempts")
        for id, state in zip(ids, await pipeline.execute(), strict=True):
            if id in self._open and self._seen.get(id) != state:
                self._seen[id] = state
                for changed in self._open[id]:
                    changed.set()
