"""Into the queue: creates that arrive while one Redis call is under way go together in the next.

One call in flight at a time needs no timer and no batch size: under load the batches grow by themselves, and
an idle gateway sends each request at once.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from contract import jobs, keys
from gateway.errors import QueueFull, QueueUnavailable

#: The most creates in one call, so that Redis is never held up for more than a few milliseconds.
LARGEST = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPrediction:
    """What a client asks for, checked."""

    id: str
    model: str
    input: Mapping[str, Any]
    webhook: str | None = None
    metadata: Mapping[str, Any] | None = None

    def arguments(self) -> list[str]:
        """Return the six arguments of admit.lua."""
        metadata = "" if self.metadata is None else _json(self.metadata)
        return [self.id, self.model, _json(self.input), jobs.data(self.id), self.webhook or "", metadata]


class Admission:
    """The way into the queue of one model.

    Args:
        limit: predictions that may wait.
    """

    def __init__(self, redis: "Redis", queue: str, limit: int) -> None:
        self._admit = redis.register_script(files("gateway").joinpath("lua", "admit.lua").read_text("utf-8"))
        self._queue = queue
        self._limit = limit
        self._waiting: list[tuple[NewPrediction, asyncio.Future[float]]] = []
        self._sender: asyncio.Task[None] | None = None

    async def admit(self, new: NewPrediction) -> float:
        """Store and enqueue one prediction; return when it was created, in seconds by Redis' clock.

        It is durable when this returns, as far as Redis' own persistence goes.

        Raises:
            QueueFull: as many wait as may.
            QueueUnavailable: Redis does not answer or cannot write.
        """
        admitted: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting.append((new, admitted))
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send())
        return await admitted

    async def _send(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:LARGEST], self._waiting[LARGEST:]
            try:
                answers = await self._call([new for new, _ in batch])
            except Exception as error:  # noqa: BLE001 - whoever waits must learn of it, whatever it is
                for _, admitted in batch:
                    if not admitted.done():
                        admitted.set_exception(_refusal(error))
                continue
            for (_, admitted), created_at in zip(batch, answers, strict=True):
                if admitted.done():  # the client went away; the prediction stays
                    continue
                if created_at:
                    admitted.set_result(float(created_at))
                else:
                    admitted.set_exception(QueueFull(f"{self._limit} predictions wait already."))

    async def _call(self, batch: list[NewPrediction]) -> list[str]:
        arguments: list[Any] = [
            keys.PREDICTION_PREFIX, keys.JOB_PREFIX, self._queue, self._limit,
            datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            int(jobs.JOB_TIMEOUT.total_seconds()), jobs.DESCRIPTION,
        ]  # fmt: skip
        for new in batch:
            arguments += new.arguments()
        answers: list[str] = await self._admit(
            keys=[keys.queue(self._queue), keys.QUEUES, keys.doorbell(self._queue)], args=arguments
        )
        return answers


def _refusal(error: Exception) -> Exception:
    if not isinstance(error, RedisError | OSError):
        return error
    unavailable = QueueUnavailable("The queue does not answer; nothing was accepted. Try again shortly.")
    unavailable.__cause__ = error
    return unavailable


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
