"""What a webhook says and where it goes, from an entry of the outbox.

Each type of event has one renderer, in the table ``RENDERERS``; it reads the event's subject as it is now.
Once an attempt has failed, what was sent is kept with the delivery, and serves when the subject is forgotten.
"""

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from json.encoder import encode_basestring as quoted
from typing import cast

from redis.asyncio import Redis

from contract import keys
from contract.alerts import Alert
from contract.predictions import ESSENTIAL, Record
from contract.states import TERMINAL, Status
from gateway.batches.rendering import batch_json
from gateway.identifiers import made
from gateway.links import Links
from gateway.rendering import prediction_json
from gateway.schemas import alert_object
from gateway.times import rfc3339
from gateway.webhooks import messages
from gateway.webhooks.endpoints import ENDPOINT_PREFIX, Endpoint, endpoint_object
from gateway.webhooks.messages import Message
from gateway.webhooks.signing import Secrets, signing


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What there is to say of one event.

    Args:
        data: JSON.
        at: when it happened, seconds since the epoch.
        webhook: the URL that came with the request, if it is to be called.
        again: see :meth:`gateway.messages.Message.webhook_id`.
        private: what users wrote into it.
    """

    data: str
    at: float
    owner: str = ""
    webhook: str = ""
    again: str = ""
    trace: str = ""
    private: tuple[str, ...] = ()


Renderer = Callable[["Redis", Links, Message], Awaitable[Told | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One webhook, ready to be sent. ``attempts`` were made before."""

    message: Message
    id: str
    url: str
    body: str
    owner: str
    signing: list[str]
    attempts: int = 0
    trace: str = ""
    private: tuple[str, ...] = ()


class Contents:
    """Says what is in a webhook. Raises RedisError when Redis is away."""

    def __init__(self, redis: "Redis", links: Links) -> None:
        self._redis = redis
        self._links = links
        self._secrets = Secrets(redis)

    async def told(self, message: Message) -> Told | None:
        """Return what there is to say, or None if nobody knows any more."""
        renderer = RENDERERS.get(message.type)
        return await renderer(self._redis, self._links, message) if renderer else None

    async def of(self, message: Message) -> Outgoing | None:
        """Return the webhook of one entry, or None if there is nothing (any more) to send."""
        told = await self.told(message)
        delivery = await _hash(self._redis, keys.delivery(str(message)))
        if message.endpoint:
            return await self._managed(message, told, delivery)
        if told is None and "body" not in delivery:
            return None
        # What is known of the subject now goes before what was kept of it.
        owner = told.owner if told else delivery.get("owner", "")
        url = told.webhook if told else delivery["url"]
        if not url:
            return None
        found = Outgoing(
            message=message,
            id=message.webhook_id(told.again) if told else delivery["id"],
            url=url,
            body=told.data if told else delivery["body"],
            owner=owner,
            signing=signing(await self._secrets.of_owner(owner), time.time()),
        )
        return _known(found, told, delivery)

    async def _managed(
        self, message: Message, told: Told | None, delivery: Mapping[str, str]
    ) -> Outgoing | None:
        fields = await _hash(self._redis, ENDPOINT_PREFIX + message.endpoint)
        if not fields or "disabled_at" in fields or (told is None and "body" not in delivery):
            return None
        found = Outgoing(
            message=message,
            id=message.webhook_id(told.again) if told else delivery["id"],
            url=fields["url"],
            body=_envelope(message.type, told) if told else delivery["body"],
            owner=fields["owner"],
            signing=signing(fields, time.time()),
        )
        return _known(found, told, delivery)


def _known(found: Outgoing, told: Told | None, delivery: Mapping[str, str]) -> Outgoing:
    """Add what was tried before, under the same id; what the text was, where it is still known."""
    attempts = int(delivery.get("attempts", 0)) if delivery.get("id", found.id) == found.id else 0
    if told is None:
        # Nobody knows which part of the body a user wrote: all of it counts.
        return replace(found, attempts=attempts, private=(found.body,))
    return replace(found, attempts=attempts, trace=told.trace, private=told.private)


def _envelope(type: str, told: Told) -> str:
    return f'{{"type":{quoted(type)},"timestamp":{quoted(rfc3339(told.at) or "")},"data":{told.data}}}'


async def _hash(redis: "Redis", key: str) -> dict[str, str]:
    return cast("dict[str, str]", await redis.hgetall(key))


async def _prediction(redis: "Redis", links: Links, message: Message) -> Told | None:
    fields = await _hash(redis, keys.prediction(message.subject))
    if not all(name in fields for name in ESSENTIAL):
        return None
    if message.type == messages.START:
        return _started(fields, links, message)
    status = fields["status"]
    # Run again since, and not ended yet or otherwise: that end has, or will have, an entry of its own.
    if status not in TERMINAL or message.type not in (messages.COMPLETED, f"prediction.{status}"):
        return None
    is_wanted = fields.get("webhook_if", status) == status
    webhook = fields.get("webhook", "") if is_wanted else ""
    return _of_record(fields, links, message, fields["completed_at"], webhook)


def _started(fields: dict[str, str], links: Links, message: Message) -> Told:
    """It may have ended since: what is told is its beginning."""
    begun = {name: fields[name] for name in _AT_START if name in fields} | {"status": Status.PROCESSING}
    return _of_record(begun, links, message, fields["created_at"], fields.get("webhook_start", ""))


#: What a record has when its first attempt begins.
_AT_START = ("model", "input", "created_at", "started_at", "attempts", "metadata", "owner", "trace")


def _of_record(fields: Mapping[str, str], links: Links, message: Message, at: str, webhook: str) -> Told:
    record = cast("Record", {**fields, "id": message.subject})
    return Told(
        data=prediction_json(record, links),
        at=float(at),
        owner=fields.get("owner", ""),
        webhook=webhook,
        again=fields.get("reopened", ""),
        trace=fields.get("trace", ""),
        private=(json.loads(record["input"])["text"], fields.get("metadata", "")),
    )


async def _batch(redis: "Redis", links: Links, message: Message) -> Told | None:
    fields = await _hash(redis, keys.batch(message.subject))
    if not fields.get("completed_at"):
        return None
    return Told(
        data=batch_json({**fields, "id": message.subject}, links.base_url),
        at=float(fields["completed_at"]),
        owner=fields.get("owner", ""),
        webhook=fields.get("webhook", ""),
        private=(fields.get("metadata", ""),),
    )


async def _alert(redis: "Redis", _: Links, message: Message) -> Told | None:
    fields = await _hash(redis, keys.alert(message.subject))
    if not fields:
        return None
    alert = Alert.from_hash(fields)
    if message.type == "alert.fired":
        alert = replace(alert, resolved_at=None)
    return Told(data=json.dumps(alert_object(alert)), at=alert.resolved_at or alert.fired_at)


async def _entry(redis: "Redis", _: Links, message: Message) -> Told | None:
    answer = await redis.xrange(keys.EVENTS, message.subject, message.subject)
    found = cast("list[tuple[str, dict[str, str]]]", answer)
    if not found:
        return None
    fields = {name: value for name, value in found[0][1].items() if name not in ("v", "type", "webhook")}
    return Told(data=json.dumps(fields), at=int(message.subject.partition("-")[0]) / 1000)


async def _endpoint(redis: "Redis", _: Links, message: Message) -> Told | None:
    fields = await _hash(redis, ENDPOINT_PREFIX + message.subject)
    if not fields:
        return None
    endpoint = Endpoint.from_hash(fields)
    return Told(
        data=json.dumps(endpoint_object(endpoint)),
        at=endpoint.disabled_at or time.time(),
        # Disabled once more is another message.
        again=f"{endpoint.disabled_at or 0:.0f}",
    )


async def _ping(redis: "Redis", links: Links, message: Message) -> Told | None:
    told = await _endpoint(redis, links, Message(message.type, message.endpoint))
    asked_at = made(message.subject)
    return replace(told, at=asked_at.timestamp(), again="") if told and asked_at else None


#: By type of event. Another type needs a line here, and one in ``gateway.webhooks.messages``.
RENDERERS: Mapping[str, Renderer] = {
    messages.COMPLETED: _prediction,
    messages.START: _prediction,
    **dict.fromkeys(messages.PREDICTIONS, _prediction),
    messages.BATCH_COMPLETED: _batch,
    **dict.fromkeys(messages.ALERTS, _alert),
    **dict.fromkeys(messages.ENTRIES, _entry),
    messages.ENDPOINT_DISABLED: _endpoint,
    messages.PING: _ping,
}
