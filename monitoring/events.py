"""Reading the stream of events: by range and from a cursor on, and what each rule reads of an entry.

Knows Redis' stream commands and the contract of an entry; knows nothing of windows and alerts. An entry
that cannot be read is logged by its id and skipped: one bad writer must not blind the monitor.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import cast

import redis

from contract import keys, labels
from contract.alerts import Alert
from contract.events import EVENTS_KEPT, Event, EventType
from monitoring.errors import MalformedEvent
from monitoring.refusals import Refused, Serving
from monitoring.rule import Negative
from monitoring.rules.rates import End
from monitoring.window import EntryId

#: Entries per call: about 2 MB, some tens of milliseconds of Redis and of Python.
BATCH = 5_000

#: Replies as redis-py shapes them under RESP2, which ``connect`` asks for.
Entries = list[tuple[str, dict[str, str]]]
Streams = list[tuple[str, Entries]]

log = logging.getLogger(__name__)


def connect(url: str) -> redis.Redis:
    """Return a client of strings. It connects on first use and never retries: the next tick does."""
    return redis.Redis.from_url(
        url,
        decode_responses=True,
        # A writer's broken bytes must not make its neighbours in the batch unreadable.
        encoding_errors="replace",
        socket_timeout=3,
        socket_connect_timeout=2,
        retry=None,
        protocol=2,
    )


def now_ms(client: redis.Redis) -> int:
    """Return Redis' own time, the only one that events are compared with."""
    seconds, microseconds = client.time()
    return int(seconds) * 1000 + int(microseconds) // 1000


def between(client: redis.Redis, after: str, until: str) -> Iterator[Event]:
    """Yield the entries in ``(after, until]``, in order, in batches."""
    while True:
        batch = cast("Entries", client.xrange(keys.EVENTS, f"({after}", until, count=BATCH))
        for entry, fields in batch:
            after = entry
            yield from _readable(entry, fields)
        if len(batch) < BATCH:
            return


def page(client: redis.Redis, after: str) -> tuple[list[Event], str]:
    """Return up to ``BATCH`` entries behind one, and the last of them; ``after`` if there is none."""
    batch = cast("Entries", client.xrange(keys.EVENTS, f"({after}", "+", count=BATCH))
    readable = [event for entry, fields in batch for event in _readable(entry, fields)]
    return readable, batch[-1][0] if batch else after


def has_lost(client: redis.Redis, after: str) -> bool:
    """Whether the stream has dropped entries behind this one: more happened than it holds."""
    first = first_entry(client)
    is_behind = first is not None and first > EntryId.parse(after)
    return is_behind and client.xlen(keys.EVENTS) >= EVENTS_KEPT


class Tail:
    """The entries after a cursor, as they come. ``cursor`` is the last entry whose handling has ended."""

    def __init__(self, client: redis.Redis, cursor: str) -> None:
        self._client = client
        self.cursor = cursor

    def drain(self) -> Iterator[Event]:
        """Yield all that is there, also what is appended meanwhile; never block."""
        while batch := self._next():
            for entry, fields in batch:
                yield from _readable(entry, fields)
                # Only now: an entry counts as read when its handling has ended.
                self.cursor = entry

    def _next(self) -> Entries:
        streams = cast("Streams", self._client.xread({keys.EVENTS: self.cursor}, count=BATCH))
        return streams[0][1] if streams else []


def first_entry(client: redis.Redis) -> EntryId | None:
    """Return the oldest entry that the stream still holds."""
    entries = cast("Entries", client.xrange(keys.EVENTS, count=1))
    return EntryId.parse(entries[0][0]) if entries else None


def negative(event: Event) -> Negative | None:
    """Return the negative result that an event reports, or None if it reports something else.

    Raises:
        MalformedEvent: a success without label or model.
    """
    if event.type != EventType.PREDICTION_SUCCEEDED:
        return None
    try:
        if event.fields["label"] != labels.NEGATIVE:
            return None
        return Negative(EntryId.parse(event.entry), event.fields["model"], event.fields.get("owner", ""))
    except KeyError as error:
        raise MalformedEvent(f"the field {error} is missing") from error


def end(event: Event) -> End | None:
    """Return the end of a prediction that an event reports, or None if it reports something else.

    One that was canceled counts neither as failed nor as answered.

    Raises:
        MalformedEvent: it lacks a field, or holds it in an unreadable form.
    """
    if event.type not in (EventType.PREDICTION_SUCCEEDED, EventType.PREDICTION_FAILED):
        return None
    fields = event.fields
    try:
        latency_s = float(fields["completed_at"]) - float(fields["created_at"])
        has_failed = event.type == EventType.PREDICTION_FAILED
        at_ms = EntryId.parse(event.entry).ms
        return End(at_ms, fields["model"], has_failed, None if fields.get("batch") else latency_s)
    except KeyError as error:
        raise MalformedEvent(f"the field {error} is missing") from error
    except ValueError as error:
        raise MalformedEvent("a time is no number") from error


def wellformed(stream: Iterable[Event]) -> Iterator[Event]:
    """Pass on the events that can be read; the others are logged and skipped."""
    for event in stream:
        try:
            negative(event), end(event)
        except MalformedEvent as error:
            log_malformed(event, error)
        else:
            yield event


def log_malformed(event: Event, error: MalformedEvent) -> None:
    """Say which entry cannot be read, and nothing of what it holds."""
    log.warning("event.malformed", extra={"entry": event.entry, "reason": str(error)})


def told(event: Event) -> Refused | Serving | None:
    """Return what a worker tells about its model, or None if an event reports something else.

    Raises:
        MalformedEvent: it lacks a field.
    """
    if event.type not in (EventType.MODEL_REFUSED, EventType.MODEL_SERVING):
        return None
    entry, fields = EntryId.parse(event.entry), event.fields
    try:
        model, version, worker = fields["model"], fields["version"], fields["worker"]
        if event.type == EventType.MODEL_SERVING:
            return Serving(entry=entry, model=model, version=version, worker=worker)
        return Refused(entry=entry, model=model, version=version, worker=worker, reason=fields["reason"])
    except KeyError as error:
        raise MalformedEvent(f"the field {error} is missing") from error


def alert(event: Event) -> Alert | None:
    """Return the alert whose life went on by an event, or None if it reports something else.

    Raises:
        MalformedEvent: an alert that lacks a field or holds it in another form.
    """
    if event.type not in (EventType.ALERT_FIRED, EventType.ALERT_RESOLVED, EventType.ALERT_ACKNOWLEDGED):
        return None
    try:
        return Alert.from_hash(event.fields)
    except (KeyError, ValueError) as error:
        raise MalformedEvent("the alert is incomplete") from error


def _readable(entry: str, fields: Mapping[str, str]) -> Iterator[Event]:
    if "type" in fields:
        yield Event.from_entry(entry, fields)
    else:
        log.warning("event.malformed", extra={"entry": entry, "reason": "the field 'type' is missing"})
