"""Those who watch the whole service live: one look for all of them, and none while nobody watches.

A watcher holds the newest of each message and nothing behind it, so one that reads slowly skips some. One
that reads nothing is hung up on by its connection (``gateway.connections``).
"""

import asyncio
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastapi.sse import format_sse_event

from gateway.errors import QueueUnavailable
from gateway.overview.reading import Reader
from gateway.streams.story import line

log = logging.getLogger(__name__)

#: Between two looks; a look is some twenty short calls.
EVERY_S = 2.0


class Watcher:
    """One of them: what it has not been told yet."""

    def __init__(self) -> None:
        self._news: dict[str, bytes] = {}
        self._is_news = asyncio.Event()

    def tell(self, name: str, frame: bytes) -> None:
        """Keep a message until it is taken, in place of the one of that name that was not."""
        self._news[name] = frame
        self._is_news.set()

    def wake(self) -> None:
        """Let it see that there is nothing more to come."""
        self._is_news.set()

    async def news(self) -> bytes:
        """Wait for messages and take them, each one frame of a stream of events."""
        await self._is_news.wait()
        self._is_news.clear()
        taken, self._news = self._news, {}
        return b"".join(taken.values())


class Overviews:
    """The watchers of this process, and who looks for them every so many seconds."""

    def __init__(self, reader: Reader, every_s: float = EVERY_S) -> None:
        self._reader = reader
        self._every_s = every_s
        self._watchers: set[Watcher] = set()
        self._is_any = asyncio.Event()
        #: The newest of each message, for who comes later; empty while nobody watches.
        self._told: dict[str, bytes] = {}
        #: Set when the gateway stops: every stream ends, and its client comes back elsewhere.
        self.is_stopping = False

    def __len__(self) -> int:
        return len(self._watchers)

    def stop(self) -> None:
        """End all streams."""
        self.is_stopping = True
        for watcher in self._watchers:
            watcher.wake()

    @contextmanager
    def watching(self) -> Iterator[Watcher]:
        """Give a watcher, which is told at once what the others know."""
        watcher = Watcher()
        for name, frame in self._told.items():
            watcher.tell(name, frame)
        self._watchers.add(watcher)
        self._is_any.set()
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)

    async def run(self) -> None:
        """Look, as long as somebody watches, for as long as the gateway lives."""
        while True:
            await self._is_any.wait()
            if not self._watchers:
                self._is_any.clear()
                self._told.clear()
                continue
            await self._look()
            await asyncio.sleep(self._every_s)

    async def _look(self) -> None:
        try:
            present, history = await self._reader.present(), await self._reader.history()
        except QueueUnavailable as error:
            # The waiters' reader reports Redis as away; who watches is told here.
            self._tell("present", _frame("away", {"detail": error.detail}))
            return
        self._tell("present", _frame("present", present))
        self._tell("history", _frame("history", history))

    def _tell(self, name: str, frame: bytes) -> None:
        if self._told.get(name) == frame:
            return
        self._told[name] = frame
        for watcher in self._watchers:
            watcher.tell(name, frame)


def _frame(event: str, told: dict[str, Any] | None) -> bytes:
    return format_sse_event(data_str=line(json.dumps(told, separators=(",", ":"))), event=event)
