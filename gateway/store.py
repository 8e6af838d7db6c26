"""Predictions and alerts as they lie in Redis: reading them, and ending one that is canceled."""

import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, ParamSpec, TypeVar, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from contract import events, jobs, keys
from contract.alerts import Alert
from contract.jobs import Lane
from contract.predictions import ESSENTIAL, Record
from contract.scripts import TERMINAL
from gateway.errors import PredictionNotFound, QueueUnavailable


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many wait in a queue, and how long the first of them has."""

    jobs: int
    oldest_s: float


P = ParamSpec("P")
T = TypeVar("T")

CANCELED_BY_CLIENT = "client"
CANCELED_BY_DEADLINE = "deadline"
#: The most deadlines that one call ends, so that Redis is never held up for long.
ENDED_AT_ONCE = 500


def _or_unavailable(call: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Turn a silent Redis into what a client can be told."""

    @functools.wraps(call)
    async def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await call(*args, **kwargs)
        except (RedisError, OSError) as error:
            raise QueueUnavailable("The queue does not answer. Try again shortly.") from error

    return guarded


class Store:
    """What the gateway reads from Redis. Every method raises QueueUnavailable when Redis is away."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        cancel = files("gateway").joinpath("lua", "cancel.lua").read_text("utf-8")
        self._cancel = redis.register_script(TERMINAL + cancel)

    @_or_unavailable
    async def prediction(self, id: str) -> Record:
        """Return one prediction.

        Raises:
            PredictionNotFound: unknown, or past its retention.
        """
        fields = cast("dict[str, str]", await self._redis.hgetall(keys.prediction(id)))
        if not all(name in fields for name in ESSENTIAL):
            raise PredictionNotFound(f"There is no prediction {id!r}; results are kept for 24 hours.")
        return cast("Record", {**fields, "id": id})

    @_or_unavailable
    async def cancel(self, id: str) -> Record:
        """End one prediction as canceled, if it has not ended; return it either way.

        Raises:
            PredictionNotFound: unknown, or past its retention.
        """
        await self._end(CANCELED_BY_CLIENT, id)
        return await self.prediction(id)

    @_or_unavailable
    async def cancel_overdue(self) -> int:
        """End those whose deadline is past as canceled; return how many, at most ``ENDED_AT_ONCE``."""
        return await self._end(CANCELED_BY_DEADLINE)

    async def _end(self, reason: str, *ids: str) -> int:
        canceled: int = await self._cancel(
            args=[
                keys.PREDICTION_PREFIX, keys.JOB_PREFIX, keys.EVENTS, keys.OUTBOX, keys.DEADLINES,
                events.EVENTS_KEPT, int(jobs.RETENTION.total_seconds()), keys.QUEUE_PREFIX,
                keys.BACKLOG_PREFIX, reason, ENDED_AT_ONCE, *ids,
            ]
        )  # fmt: skip
        return canceled

    @_or_unavailable
    async def alerts(self, most: int) -> list[Alert]:
        """Return the newest alerts, newest first."""
        ids = cast("list[str]", await self._redis.zrevrange(keys.ALERTS, 0, most - 1))
        pipeline = self._redis.pipeline(transaction=False)
        for id in ids:
            pipeline.hgetall(keys.alert(id))
        return [Alert.from_hash(fields) for fields in await pipeline.execute() if fields] if ids else []

    @_or_unavailable
    async def ready_workers(self, model: str) -> int:
        """Return how many workers hold the model now. A registered worker is a ready one."""
        registered: set[Any] = await self._redis.smembers(keys.workers(model))
        return int(await self._redis.exists(*registered)) if registered else 0

    @_or_unavailable
    async def waiting(self, model: str) -> dict[Lane, Waiting]:
        """Return what waits in each of the model's queues."""
        now, _ = await self._redis.time()
        return {lane: await self._waiting(jobs.queue_name(model, lane), now) for lane in Lane}

    async def _waiting(self, queue: str, now: int) -> Waiting:
        head = await self._redis.lindex(keys.queue(queue), 0)
        created_at = await self._redis.hget(keys.prediction(str(head)), "created_at") if head else None
        age_s = max(0.0, now - float(created_at)) if created_at else 0.0
        return Waiting(int(await self._redis.llen(keys.queue(queue))), age_s)
