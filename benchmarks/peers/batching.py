"""Micro-batching in a server's own process: what came while the model ran goes together. Keeps nothing."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from benchmarks.peers.peer import Answer

LARGEST = 64


class Batcher:
    """Collects texts and asks the model.

    Args:
        answers: the model.
        in_thread: whether it runs beside the loop, which takes requests meanwhile; a quick model loses more
            by the change of threads than it gains.
    """

    def __init__(self, answers: Callable[[list[str]], list[Answer]], *, in_thread: bool) -> None:
        self._answers = answers
        self._in_thread = in_thread
        self._waiting: list[tuple[str, asyncio.Future[Answer]]] = []
        self._some = asyncio.Event()
        self._thread = ThreadPoolExecutor(1)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        self._thread.shutdown()

    async def ask(self, text: str) -> Answer:
        """Return the answer, with whatever else is waiting."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((text, future))
        self._some.set()
        return await future

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._some.wait()
            batch, self._waiting = self._waiting[:LARGEST], self._waiting[LARGEST:]
            if not self._waiting:
                self._some.clear()
            texts = [text for text, _ in batch]
            if self._in_thread:
                answers = await loop.run_in_executor(self._thread, self._answers, texts)
            else:
                answers = self._answers(texts)
            for (_, future), answer in zip(batch, answers, strict=True):
                if not future.done():
                    future.set_result(answer)
            # Those who were answered, and whoever came meanwhile, get their turn.
            await asyncio.sleep(0)
