"""Waiting for results without asking: one reader of the event stream wakes every waiter of this process.

The stream is read on from the last entry seen, so a broken connection to Redis delays a wake-up but loses
none. A waiter is a future in a dictionary; while it waits it costs Redis nothing.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from contract import keys
from contract.events import Event, EventType

log = logging.getLogger(__name__)

#: Longer means fewer empty calls; a blocked read answers at once when something happens.
BLOCK_MS = 2_000
#: Entries read in one call.
AT_ONCE = 1_000
#: Between two tries while Redis is away.
RETRY_S = 0.25


class Waiters:
    """Those who wait for a prediction to end.

    Args:
        due: called when a prediction with a webhook has ended.
    """

    def __init__(self, redis: "Redis", due: Callable[[], None]) -> None:
        self._redis = redis
        self._due = due
        self._futures: dict[str, set[asyncio.Future[Event | None]]] = {}

    def __len__(self) -> int:
        return sum(len(futures) for futures in self._futures.values())

    @contextmanager
    def waiting(self, id: str) -> Iterator[asyncio.Future[Event | None]]:
        """Give a future of the event that ends the prediction.

        Enter before the prediction is created, or before its state is read: an end in between is then seen.
        """
        future: asyncio.Future[Event | None] = asyncio.get_running_loop().create_future()
        futures = self._futures.setdefault(id, set())
        futures.add(future)
        try:
            yield future
        finally:
            futures.discard(future)
            if not futures and self._futures.get(id) is futures:
                del self._futures[id]

    def release(self) -> None:
        """Let everybody go with what there is: the gateway stops, and a preference is no promise."""
        for futures in self._futures.values():
            for future in futures:
                _give_up(future)

    @staticmethod
    async def end(future: "asyncio.Future[Event | None]", patience: timedelta) -> Event | None:
        """Wait for the event of a future from :meth:`waiting`; None when it did not come in time."""
        # A timer of its own: asyncio.timeout costs three times as much, on the hottest path there is.
        timer = future.get_loop().call_later(patience.total_seconds(), _give_up, future)
        try:
            return await future
        finally:
            timer.cancel()

    async def run(self) -> None:
        """Read the stream for as long as the gateway lives."""
        last: str | None = None
        away = False
        while True:
            try:
                if last is None:
                    last = await self._newest()
                answer = await self._redis.xread({keys.EVENTS: last}, count=AT_ONCE, block=BLOCK_MS)
            except (RedisError, OSError) as error:
                if not away:
                    log.error("redis.away", extra={"error": type(error).__name__})  # noqa: TRY400 - known cause
                away = True
                await asyncio.sleep(RETRY_S)
                continue
            if away:
                log.info("redis.back")
                away = False
            for entry, fields in _entries(answer):
                last = entry
                if "type" in fields:
                    self._wake(Event.from_entry(entry, fields))
                else:
                    log.warning("event.malformed", extra={"entry": entry})

    async def _newest(self) -> str:
        newest = await self._redis.xrevrange(keys.EVENTS, count=1)
        return str(newest[0][0]) if newest else "0-0"

    def _wake(self, event: Event) -> None:
        if event.fields.get("webhook"):
            self._due()
        if event.type == EventType.PREDICTION_FEEDBACK:
            return  # of one that has ended before
        for future in self._futures.pop(event.fields.get("id", ""), ()):
            if not future.done():
                future.set_result(event)


def _give_up(future: "asyncio.Future[Event | None]") -> None:
    if not future.done():
        future.set_result(None)


def _entries(answer: Any) -> list[tuple[str, dict[str, str]]]:
    """Return the entries of the one stream that was read."""
    return cast("list[tuple[str, dict[str, str]]]", answer[0][1]) if answer else []
