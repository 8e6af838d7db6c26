"""What a queue must offer to be compared: a module ``NAME_peer`` with these four functions.

All find Redis at ``REDIS_URL``, and which of the module's variants is meant in ``PEER_VARIANT``; one task,
``predict``, takes a text and returns the model's answer.
"""

import asyncio
import importlib
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, cast

Answer = dict[str, Any]
Ask = Callable[[str], Awaitable[Answer]]

#: A waiter looks after 2 ms and then ever less often: a few wait shortly, many do not flood Redis.
FIRST_LOOK_S, SLOWER, LONGEST_S = 0.002, 1.5, 0.05

#: A waiter each, and redis-py allows a hundred unless told otherwise.
CONNECTIONS = 1_000


class Peer(Protocol):
    """A module that knows one queue."""

    def fill(self, texts: Sequence[str]) -> list[str]:
        """Enqueue a job a text, as fast as it goes; return their ids."""

    def work(self) -> None:
        """Be one worker until SIGTERM."""

    def answers(self, ids: Sequence[str]) -> list[Answer]:
        """Return what the finished jobs answered."""

    def asking(self) -> AbstractAsyncContextManager[Ask]:
        """Give a function for a web server: enqueue a text, wait for its answer."""


def peer(name: str) -> Peer:
    """Return the module of the queue with this name."""
    return cast("Peer", importlib.import_module(f"benchmarks.peers.{name}_peer"))


def redis_url() -> str:
    """Return where this run's Redis is."""
    return os.environ["REDIS_URL"]


def variant() -> str:
    """Return which of its variants the peer is to be."""
    return os.environ["PEER_VARIANT"]


async def poll(look: Callable[[], Awaitable[Answer | None]]) -> Answer:
    """Look again and again until there is an answer."""
    pause = FIRST_LOOK_S
    while True:
        await asyncio.sleep(pause)
        if (found := await look()) is not None:
            return found
        pause = min(pause * SLOWER, LONGEST_S)


def chunks(texts: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """Give so many at a time."""
    for start in range(0, len(texts), size):
        yield texts[start : start + size]
