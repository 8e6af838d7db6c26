"""The queue of trainings as the gateway sees it: RQ's own data, without RQ.

Jobs are called by name (``contract.jobs``) and carry names and numbers, never a text. What a job raised is
not read: an exception may quote what it worked on.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any, cast

from redis.asyncio import Redis

from contract import keys
from contract.jobs import TRAINING_QUEUE
from gateway.errors import TrainingNotFound
from gateway.identifiers import new_id
from gateway.store import Entry, or_unavailable
from gateway.trainings.telling import said, status_of

#: MLflow moves an alias in milliseconds; one that hangs must not hold up the trainings behind it for long.
TIMEOUT = timedelta(minutes=5)
#: How long what came of it can be read.
KEPT = timedelta(days=30)

_FIELDS = ("origin", "status", "description", "created_at", "started_at", "ended_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """One job on the trainer's queue. Times are RFC 3339 in UTC, as RQ writes them."""

    id: str
    status: str
    said: str
    description: str
    created_at: str
    started_at: str | None
    ended_at: str | None


class Trainings:
    """The queue of trainings in one Redis. Every method raises QueueUnavailable when Redis is away."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self._ask = redis.register_script(
            files("gateway").joinpath("lua", "ask_trainer.lua").read_text("utf-8")
        )

    @or_unavailable
    async def ask(self, function: str, arguments: Mapping[str, Any], description: str) -> Training:
        """Have the trainer call a function by name, before anything else that waits."""
        id = new_id()
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        fields: dict[str, str | int] = {
            "status": "queued", "origin": TRAINING_QUEUE, "description": description,
            "created_at": now, "enqueued_at": now,
            "data": json.dumps([function, None, [dict(arguments)], {}]),
            "timeout": int(TIMEOUT.total_seconds()),
            "result_ttl": int(KEPT.total_seconds()), "failure_ttl": int(KEPT.total_seconds()),
        }  # fmt: skip
        await self._ask(
            keys=[keys.job(id), keys.queue(TRAINING_QUEUE), keys.QUEUES],
            args=[id, *[word for pair in fields.items() for word in pair]],
        )
        return await self._read(id)

    @or_unavailable
    async def training(self, id: str) -> Training:
        """Return a job, whoever asked for it.

        Raises:
            TrainingNotFound: there is none of that id on this queue.
        """
        return await self._read(id)

    @or_unavailable
    async def trainers(self) -> int:
        """Return how many trainers wait for work or are at it."""
        registered: set[Any] = await self._redis.smembers(keys.workers(TRAINING_QUEUE))
        return int(await self._redis.exists(*registered)) if registered else 0

    async def _read(self, id: str) -> Training:
        told = await self._redis.hmget(keys.job(id), list(_FIELDS))
        found = cast("dict[str, str | None]", dict(zip(_FIELDS, told, strict=True)))
        if found["origin"] != TRAINING_QUEUE:
            raise TrainingNotFound(f"There is no training {id!r}; what came of one is kept for 30 days.")
        result = await self._result(id)
        status = status_of(found["status"] or "", result)
        return Training(
            id=id,
            status=status,
            said=said(status, result),
            description=found["description"] or "",
            created_at=found["created_at"] or "",
            started_at=found["started_at"] or None,
            ended_at=found["ended_at"] or None,
        )

    async def _result(self, id: str) -> Mapping[str, Any]:
        answer = await self._redis.xrevrange(keys.results(id), count=1)
        newest = cast("list[Entry]", answer)
        written = newest[0][1].get("return_value") if newest else None
        result = json.loads(base64.b64decode(written)) if written else None
        return result if isinstance(result, dict) else {}
