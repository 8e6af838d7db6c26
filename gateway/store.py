"""Predictions and alerts as they lie in Redis: reading them, and ending one that is canceled."""

import functools
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Any, ParamSpec, TypeVar, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from contract import events, jobs, keys
from contract.alerts import Alert
from contract.predictions import Prediction
from contract.scripts import TERMINAL
from gateway.errors import PredictionNotFound, QueueUnavailable

P = ParamSpec("P")
T = TypeVar("T")

CANCELED_BY_CLIENT = "client"


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
    async def prediction(self, id: str) -> Prediction:
        """Return one prediction.

        Raises:
            PredictionNotFound: unknown, or past its retention.
        """
        fields = cast("dict[str, str]", await self._redis.hgetall(keys.prediction(id)))
        if not fields:
            raise PredictionNotFound(f"There is no prediction {id!r}; results are kept for 24 hours.")
        return Prediction.from_hash(id, fields)

    @_or_unavailable
    async def cancel(self, id: str) -> Prediction:
        """End one prediction as canceled, if it has not ended; return it either way.

        Raises:
            PredictionNotFound: unknown, or past its retention.
        """
        retention = int(jobs.RETENTION.total_seconds())
        await self._cancel(
            args=[
                keys.PREDICTION_PREFIX, keys.JOB_PREFIX, keys.EVENTS, keys.OUTBOX, events.EVENTS_KEPT,
                retention, id, CANCELED_BY_CLIENT,
            ]
        )  # fmt: skip
        return await self.prediction(id)

    @_or_unavailable
    async def alerts(self, most: int) -> list[Alert]:
        """Return the newest alerts, newest first."""
        ids = cast("list[str]", await self._redis.zrevrange(keys.ALERTS, 0, most - 1))
        pipeline = self._redis.pipeline(transaction=False)
        for id in ids:
            pipeline.hgetall(keys.alert(id))
        return [Alert.from_hash(fields) for fields in await pipeline.execute() if fields] if ids else []

    @_or_unavailable
    async def ready_workers(self, queue: str) -> int:
        """Return how many workers hold the model now. A registered worker is a ready one."""
        registered: set[Any] = await self._redis.smembers(keys.workers(queue))
        return int(await self._redis.exists(*registered)) if registered else 0

    @_or_unavailable
    async def waiting(self, queue: str) -> int:
        """Return how many predictions wait in the queue."""
        return int(await self._redis.llen(keys.queue(queue)))
