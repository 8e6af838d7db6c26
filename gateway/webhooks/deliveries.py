"""The log of attempts to deliver webhooks, and putting back into the outbox what is to be sent again.

A log is a stream for each managed endpoint, and one for each owner's own URLs. It holds statuses and the
beginning of what receivers answered, and nothing of what was sent.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any, cast

from redis.asyncio import Redis

from contract import jobs, keys
from contract.scripts import OUTBOX
from gateway.errors import DeliveryNotFound
from gateway.listing import Cursor, Page
from gateway.store import Entry, or_unavailable, stream_page
from gateway.times import rfc3339
from gateway.webhooks.contents import Outgoing
from gateway.webhooks.endpoints import ENDPOINT_PREFIX
from gateway.webhooks.messages import (
    ALERTS,
    BATCH_COMPLETED,
    COMPLETED,
    DEFAULT,
    ENTRIES,
    PREDICTIONS,
    SERVICE_WIDE,
    START,
    Message,
)
from gateway.webhooks.sender import Receipt, excerpt

#: Then the name of a log. Stream: attempts.
LOG_PREFIX = "barometer:deliveries:"
#: Attempts kept in one log, approximately, and for how long after the last.
KEPT = 1_000
KEPT_FOR = timedelta(days=7)
#: A managed endpoint that fails for so long without a success is disabled.
PATIENCE = timedelta(hours=120)
#: What was sent outlives the wait for the next attempt by this much.
MARGIN = timedelta(hours=1)
#: Events read in one call of a replay, so that neither Redis nor the gateway is held up.
AT_ONCE = 1_000
#: Messages of the outbox that one look at the backlog asks after.
LOOKED_AT = 100


def log_name(endpoint: str, owner: str) -> str:
    """Return the name of the log of a managed endpoint, or of ``default``: an owner's own URLs."""
    return f"{DEFAULT}:{owner}" if endpoint in ("", DEFAULT) else endpoint


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay put back.

    Args:
        enqueued: how many events.
        since: the time from which on events were looked at; later than asked where older ones are not kept.
    """

    enqueued: int
    since: str | None


def attempt_object(entry: tuple[str, Mapping[str, str]]) -> dict[str, Any]:
    """Return one attempt as its owner sees it."""
    id, fields = entry
    message, said = Message.parse(fields["member"]), fields["said"]
    return {
        "id": id,
        "type": fields["type"],
        "subject": message.subject,
        "attempt": int(fields["attempt"]),
        "at": rfc3339(int(id.partition("-")[0]) / 1000),
        "delivered": fields["delivered"] == "1",
        "status": int(said) if said.isdigit() else None,
        "error": None if said.isdigit() else said,
        "duration_ms": int(fields["duration_ms"]),
        "answer": fields["answer"],
    }


class Journal:
    """Attempts in one Redis. What clients call raises QueueUnavailable when Redis is away."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        text = files("gateway").joinpath("lua", "settle.lua").read_text("utf-8")
        self._settle = redis.register_script(OUTBOX + text)

    async def settle(self, sent: Outgoing, receipt: Receipt, lease: str, again: timedelta | None) -> str:
        """Write down an attempt, and end the delivery or set the time of the next; raises RedisError.

        Args:
            sent: what was sent.
            receipt: how that ended.
            lease: as due.lua gave it. An entry under another lease by now is left as it is.
            again: how long to wait for the next attempt; None: there is none.

        Returns:
            Why the managed endpoint was disabled by this attempt, or nothing.
        """
        endpoint = sent.message.endpoint
        outcome = "delivered" if receipt.is_delivered else "gone" if receipt.is_gone else "failed"
        kept_s = int(max(jobs.RETENTION, (again or timedelta()) + MARGIN).total_seconds())
        attempt: dict[str, str | int] = {
            "member": str(sent.message),
            "type": sent.message.type,
            "attempt": sent.attempts + 1,
            "said": receipt.said,
            "delivered": int(receipt.is_delivered),
            "duration_ms": receipt.duration_ms,
            "answer": excerpt(receipt.answer, sent.private),
        }
        log = LOG_PREFIX + log_name(endpoint, sent.owner)
        managed = [ENDPOINT_PREFIX + endpoint] if endpoint else []
        return str(
            await self._settle(
                keys=[keys.delivery(str(sent.message)), log, *managed],
                args=[
                    str(sent.message), lease, outcome, "" if again is None else again.total_seconds(), kept_s,
                    sent.id, sent.url, sent.owner, sent.body if again else "", KEPT,
                    int(KEPT_FOR.total_seconds()), PATIENCE.total_seconds(),
                    *[word for pair in attempt.items() for word in pair],
                ],
            )
        )  # fmt: skip

    @or_unavailable
    async def page(self, endpoint: str, owner: str, cursor: Cursor | None, limit: int) -> Page[Entry]:
        """Return a page of the log, newest first."""
        return await stream_page(self._redis, LOG_PREFIX + log_name(endpoint, owner), cursor, limit)

    @or_unavailable
    async def message(self, endpoint: str, owner: str, delivery: str) -> Message:
        """Return what one attempt of the log was about.

        Raises:
            DeliveryNotFound: it is not in the log.
        """
        answer = await self._redis.xrange(LOG_PREFIX + log_name(endpoint, owner), delivery, delivery)
        found = cast("list[tuple[str, dict[str, str]]]", answer)
        if not found:
            raise DeliveryNotFound(f"There is no delivery {delivery!r} in this log.")
        return Message.parse(found[0][1]["member"])

    @or_unavailable
    async def is_known(self, message: Message) -> bool:
        """Whether it can be sent (again): its subject is there, or what was sent."""
        key, _ = _remembered(message)
        return bool(await self._redis.exists(key, keys.delivery(str(message))))

    @or_unavailable
    async def enqueue(self, *messages: Message) -> None:
        """Put messages into the outbox, due now; one that is there already is due now, too."""
        seconds, microseconds = await self._redis.time()
        due = float(f"{seconds}.{microseconds:06d}")
        await self._redis.zadd(keys.OUTBOX, {str(message): due for message in messages})

    @or_unavailable
    async def backlog(self) -> dict[str, int]:
        """Return how many messages wait, how many of them are due, and how many were tried in vain.

        The last is counted among the ``LOOKED_AT`` whose turn comes next.
        """
        seconds, _ = await self._redis.time()
        next_ones = cast(
            "list[str]", await self._redis.zrangebyscore(keys.OUTBOX, "-inf", "+inf", 0, LOOKED_AT)
        )
        pipeline = self._redis.pipeline(transaction=False)
        for member in next_ones:
            pipeline.hget(keys.delivery(member), "attempts")
        attempts = await pipeline.execute() if next_ones else []
        return {
            "waiting": int(await self._redis.zcard(keys.OUTBOX)),
            "due": int(await self._redis.zcount(keys.OUTBOX, "-inf", seconds)),
            "failing": sum(1 for made in attempts if made),
        }

    @or_unavailable
    async def replay(self, endpoint: str, owner: str, types: frozenset[str], since: datetime) -> Replayed:
        """Put back all events since, as far as Redis keeps them and what they are about.

        Args:
            endpoint: a managed one's id, or ``default``: predictions and batches with a URL of their own.
            owner: whose events; those of the whole service are everybody's.
            types: what the endpoint is subscribed to.
            since: the earliest.
        """
        enqueued, first = 0, None
        async for entries in self._events(since):
            first = first or entries[0][0]
            wanted = [
                message
                for entry, fields in entries
                if (message := _replayed(entry, fields, endpoint, owner, types))
            ]
            there = await self._there(wanted)
            if there:
                await self.enqueue(*there)
            enqueued += len(there)
        return Replayed(enqueued, rfc3339(int(first.partition("-")[0]) / 1000) if first else None)

    async def _events(self, since: datetime) -> AsyncIterator[list[tuple[str, dict[str, str]]]]:
        place = str(max(0, int(since.timestamp() * 1000)))
        while True:
            answer = await self._redis.xrange(keys.EVENTS, place, "+", AT_ONCE)
            entries = cast("list[tuple[str, dict[str, str]]]", answer)
            if entries:
                yield entries
            if len(entries) < AT_ONCE:
                return
            place = f"({entries[-1][0]}"

    async def _there(self, messages: list[Message]) -> list[Message]:
        """Return those of which something is known still, and whose URL is known."""
        pipeline = self._redis.pipeline(transaction=False)
        for message in messages:
            key, field = _remembered(message)
            pipeline.hget(key, field) if field else pipeline.exists(key)
        found = await pipeline.execute() if messages else []
        return [message for message, is_there in zip(messages, found, strict=True) if is_there]


def _replayed(
    entry: str, fields: Mapping[str, str], endpoint: str, owner: str, types: frozenset[str]
) -> Message | None:
    """Return the message that an event of the stream is for an endpoint, if it is one."""
    type = fields.get("type", "")
    if type not in types or (type not in SERVICE_WIDE and fields.get("owner", "") != owner):
        return None
    if endpoint == DEFAULT:
        return Message(COMPLETED if type in PREDICTIONS else type, fields["id"])
    return Message(type, entry if type in ENTRIES else fields["id"], endpoint)


def _remembered(message: Message) -> tuple[str, str]:
    """Return the key whose existence says that an event can be told, and its field with the URL if any."""
    field = "" if message.endpoint else "webhook"
    if message.type in (COMPLETED, START, *PREDICTIONS):
        return keys.prediction(message.subject), field
    if message.type == BATCH_COMPLETED:
        return keys.batch(message.subject), field
    if message.type in ENTRIES:
        return keys.EVENTS, ""
    if message.type in ALERTS:
        return keys.alert(message.subject), ""
    return ENDPOINT_PREFIX + message.endpoint, ""
