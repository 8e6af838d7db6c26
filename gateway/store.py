"""Predictions and alerts as they lie in Redis: reading them, and ending one that is canceled."""

import functools
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any, ParamSpec, TypeAlias, TypeVar, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from contract import jobs, keys
from contract.alerts import Alert
from contract.events import EVENTS_KEPT
from contract.jobs import Lane
from contract.predictions import ESSENTIAL, Record
from contract.scripts import ACKNOWLEDGE, TERMINAL
from gateway.errors import AlertNotFound, PredictionExpired, PredictionNotFound, QueueUnavailable
from gateway.identifiers import made
from gateway.listing import Cursor, Filter, Page


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many wait in a queue, and how long the first of them has."""

    jobs: int
    oldest_s: float


#: One of a Redis stream: its id and its fields.
Entry: TypeAlias = tuple[str, dict[str, str]]

P = ParamSpec("P")
T = TypeVar("T")

CANCELED_BY_CLIENT = "client"
CANCELED_BY_DEADLINE = "deadline"
#: The most predictions that one page of a filtered list reads.
LOOKED_AT = 5_000
#: The most deadlines that one call ends, so that Redis is never held up for long.
ENDED_AT_ONCE = 500


def or_unavailable(call: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Turn a silent Redis into what a client can be told."""

    @functools.wraps(call)
    async def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await call(*args, **kwargs)
        except (RedisError, OSError) as error:
            raise QueueUnavailable("The queue does not answer. Try again shortly.") from error

    return guarded


async def stream_page(redis: "Redis", stream: str, cursor: Cursor | None, limit: int) -> Page[Entry]:
    """Return a page of a stream, newest first."""
    is_newer = bool(cursor and cursor.is_newer)
    # One more than the page has says whether there is another.
    entries = await _beyond(redis, stream, cursor.entry if cursor else "+", limit + 1, is_newer=is_newer)
    has_more, entries = len(entries) > limit, entries[:limit]
    onward = Cursor(entries[-1][0], is_newer) if has_more else None
    back = Cursor(entries[0][0], not is_newer) if cursor and entries else None
    return Page(entries[::-1], back, onward) if is_newer else Page(entries, onward, back)


async def _beyond(redis: "Redis", stream: str, place: str, count: int, *, is_newer: bool) -> list[Entry]:
    """Return the entries next to one, away from it; ``+`` stands for the newest end."""
    place = place if place == "+" else f"({place}"
    if is_newer:
        answer = await redis.xrange(stream, place, "+", count)
    else:
        answer = await redis.xrevrange(stream, place, "-", count)
    return cast("list[Entry]", answer)


class Store:
    """What the gateway reads from Redis. Every method raises QueueUnavailable when Redis is away."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        cancel = files("gateway").joinpath("lua", "cancel.lua").read_text("utf-8")
        self._cancel = redis.register_script(TERMINAL + cancel)
        self._acknowledge = redis.register_script(ACKNOWLEDGE)

    @or_unavailable
    async def prediction(self, id: str, owner: str) -> Record:
        """Return one prediction of this owner.

        Raises:
            PredictionNotFound: unknown, or another owner's.
            PredictionExpired: unknown, and of so long ago that it would be past its retention.
        """
        fields = cast("dict[str, str]", await self._redis.hgetall(keys.prediction(id)))
        if not all(name in fields for name in ESSENTIAL) or fields.get("owner", "") != owner:
            if (made_at := made(id)) and datetime.now(UTC) - made_at > jobs.RETENTION:
                raise PredictionExpired("Results are kept for 24 hours after the end; this one is past that.")
            raise PredictionNotFound(f"There is no prediction {id!r}; results are kept for 24 hours.")
        return cast("Record", {**fields, "id": id})

    @or_unavailable
    async def created(self, owner: str, cursor: Cursor | None, wanted: Filter, limit: int) -> Page[Record]:
        """Return a page of what an owner created, looking at ``LOOKED_AT`` predictions at most."""
        place, is_newer = (cursor.entry, cursor.is_newer) if cursor else ("+", False)
        found: list[tuple[str, Record]] = []
        looked, is_end = 0, False
        # One more than asked for, to know whether there is another page.
        while len(found) <= limit and looked < LOOKED_AT and not is_end:
            entries = await _beyond(self._redis, keys.created(owner), place, limit + 1, is_newer=is_newer)
            records = await self._records([fields["id"] for _, fields in entries])
            for (entry, _), record in zip(entries, records, strict=True):
                place, looked = entry, looked + 1
                if record is not None and wanted.takes(record):
                    found.append((entry, record))
                    if len(found) > limit:
                        break
            is_end = len(entries) <= limit and len(found) <= limit
        if len(found) > limit:
            found.pop()
            place = found[-1][0]
        if is_newer:
            found.reverse()
        # On the side we came from there is more; on the other side, unless we saw the end.
        onward = None if is_end else Cursor(place, is_newer)
        back = (
            Cursor(found[0][0] if not is_newer else found[-1][0], not is_newer) if cursor and found else None
        )
        older, newer = (back, onward) if is_newer else (onward, back)
        return Page([record for _, record in found], older, newer)

    async def _records(self, ids: list[str]) -> list[Record | None]:
        """Return the records of these ids; None for one past its retention."""
        pipeline = self._redis.pipeline(transaction=False)
        for id in ids:
            pipeline.hgetall(keys.prediction(id))
        found = await pipeline.execute() if ids else []
        return [
            cast("Record", {**fields, "id": id}) if all(name in fields for name in ESSENTIAL) else None
            for id, fields in zip(ids, found, strict=True)
        ]

    @or_unavailable
    async def holders(self, model: str) -> Mapping[str, int]:
        """Return the versions that workers hold now, and how many hold each."""
        registered: set[Any] = await self._redis.smembers(keys.workers(model))
        pipeline = self._redis.pipeline(transaction=False)
        for worker in registered:
            pipeline.hget(worker, keys.SERVING)
        return Counter(version for version in await pipeline.execute() if version) if registered else {}

    async def serving(self, model: str) -> set[str]:
        """Return the versions that workers hold now."""
        return set(await self.holders(model))

    @or_unavailable
    async def cancel(self, id: str, owner: str) -> Record:
        """End one prediction as canceled, if it has not ended; return it either way.

        Raises:
            PredictionNotFound, PredictionExpired: as :meth:`prediction` does.
        """
        await self.prediction(id, owner)
        await self._end(CANCELED_BY_CLIENT, id)
        return await self.prediction(id, owner)

    @or_unavailable
    async def give_up(self, ids: Sequence[str]) -> None:
        """End those of these predictions as canceled that have not ended."""
        await self._end(CANCELED_BY_CLIENT, *ids)

    @or_unavailable
    async def cancel_overdue(self) -> int:
        """End those whose deadline is past as canceled; return how many, at most ``ENDED_AT_ONCE``."""
        return await self._end(CANCELED_BY_DEADLINE)

    async def _end(self, reason: str, *ids: str) -> int:
        canceled: int = await self._cancel(args=[reason, ENDED_AT_ONCE, *ids])
        return canceled

    @or_unavailable
    async def alerts(self, most: int) -> list[Alert]:
        """Return the newest alerts, newest first."""
        ids = cast("list[str]", await self._redis.zrevrange(keys.ALERTS, 0, most - 1))
        pipeline = self._redis.pipeline(transaction=False)
        for id in ids:
            pipeline.hgetall(keys.alert(id))
        return [Alert.from_hash(fields) for fields in await pipeline.execute() if fields] if ids else []

    @or_unavailable
    async def acknowledge(self, id: str, by: str) -> Alert:
        """Write down who has taken on an alert, unless somebody has; return it.

        Raises:
            AlertNotFound: it is not kept.
        """
        await self._acknowledge(keys=[keys.alert(id), keys.EVENTS], args=[by, EVENTS_KEPT])
        fields = cast("dict[str, str]", await self._redis.hgetall(keys.alert(id)))
        if not fields:
            raise AlertNotFound(f"There is no alert {id!r}; the newest thousand are kept.")
        return Alert.from_hash(fields)

    @or_unavailable
    async def ready_workers(self, model: str) -> int:
        """Return how many workers hold the model now. A registered worker is a ready one."""
        registered: set[Any] = await self._redis.smembers(keys.workers(model))
        return int(await self._redis.exists(*registered)) if registered else 0

    @or_unavailable
    async def waiting(self, model: str) -> dict[Lane, Waiting]:
        """Return what waits in each of the model's queues."""
        now, _ = await self._redis.time()
        return {lane: await self._waiting(jobs.queue_name(model, lane), now) for lane in Lane}

    async def _waiting(self, queue: str, now: int) -> Waiting:
        head = await self._redis.lindex(keys.queue(queue), 0)
        created_at = await self._redis.hget(keys.prediction(str(head)), "created_at") if head else None
        age_s = max(0.0, now - float(created_at)) if created_at else 0.0
        return Waiting(int(await self._redis.llen(keys.queue(queue))), age_s)
