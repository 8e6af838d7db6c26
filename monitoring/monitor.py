"""One tick of monitoring: read what happened, judge it, write and announce alerts.

Knows the order of the steps and what makes them survive a crash; knows no scheduler, signal or Azure.

Everything follows from the stream and a cursor in Redis. After a start, or after anything went wrong in a
tick, the windows are rebuilt: the entries of one span before the cursor are counted silently, the alerts
that were open at the cursor are taken over, and the stream is judged again from the cursor on. That gives
the same alerts with the same ids, and writing a known alert changes nothing. So an alert due while nobody
watched is fired once, at its true time, and none is fired twice. A refused model has no window: of that rule,
the open alerts are all there is to take over.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import cast

import redis

from contract import keys
from contract.alerts import Alert
from contract.events import Event
from monitoring import events, refusals
from monitoring.alerts import AlertBook
from monitoring.errors import MalformedEvent
from monitoring.refusals import RefusalsRule
from monitoring.rule import NAME, Negative, NegativesRule, origin
from monitoring.telemetry import Telemetry
from monitoring.window import EntryId

#: How long the heartbeat stays after the last tick.
HEARTBEAT_TTL = timedelta(seconds=10)
#: The last entry whose consequences are all written.
CURSOR = "barometer:monitoring:cursor"

#: The highest sequence that Redis gives within a millisecond.
LAST_SEQUENCE = 2**64 - 1

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Position:
    """How far the stream has been judged, and what the rules knew at that point."""

    negatives: NegativesRule
    refusals: RefusalsRule
    tail: events.Tail


class Monitor:
    """Watches the events in one Redis database."""

    def __init__(self, client: redis.Redis, limit: int, span: timedelta, telemetry: Telemetry) -> None:
        self._client = client
        self._limit = limit
        self._span = span
        self._telemetry = telemetry
        self._book = AlertBook(client)
        self._position: _Position | None = None

    def tick(self) -> None:
        """Judge all that happened since the last tick.

        Raises:
            redis.RedisError: Redis is away or refuses; nothing is lost, the next tick starts from the cursor.
        """
        # The time is taken before the events are read: no event older than it can appear afterwards.
        now = events.now_ms(self._client)
        # Put back only at the end: a tick that fails leaves no half-judged windows behind.
        position, self._position = self._position or self._restore(now), None
        for event in position.tail.drain():
            self._handle(event, position)
        self._write(position.negatives.advance(now))
        self._save(now, position.tail.cursor)
        self._position = position

    def _handle(self, event: Event, position: _Position) -> None:
        try:
            negative, told, alert = events.negative(event), events.told(event), events.alert(event)
        except MalformedEvent as error:
            _log_malformed(event, error)
            return
        if negative:
            self._telemetry.negative(negative.model)
            self._write(position.negatives.update(negative))
        if told:
            self._write(position.refusals.update(told))
        if alert:
            self._announce(event.type, alert)

    def _write(self, alerts: Iterable[Alert]) -> None:
        """Write alerts; they are announced when their events come by, so that each is, also after a crash."""
        for alert in alerts:
            self._book.record(alert)

    def _announce(self, name: str, alert: Alert) -> None:
        log.warning(name, extra=asdict(alert))
        self._telemetry.alert(name, alert)

    def _save(self, now: int, cursor: str) -> None:
        with self._client.pipeline() as pipe:
            pipe.set(keys.MONITORING_HEARTBEAT, now, ex=HEARTBEAT_TTL)
            pipe.set(CURSOR, cursor)
            pipe.execute()

    def _restore(self, now: int) -> _Position:
        """Return the state at the cursor; without one, at one span ago."""
        saved = cast("str | None", self._client.get(CURSOR))
        cursor = EntryId.parse(saved) if saved else window_start(now, self._span)
        self._warn_if_trimmed(cursor)
        past = events.between(self._client, str(window_start(cursor.ms, self._span)), str(cursor))
        book = self._book.newest()
        many = [alert for alert in book if alert.rule == NAME and _is_open_at(cursor, alert)]
        refused = [a for a in book if a.rule == refusals.NAME and refusals.is_open_at(cursor, a)]
        open_alerts = [alert.id for alert in (*many, *refused)]
        log.info("windows.restored", extra={"cursor": str(cursor), "open_alerts": open_alerts})
        return _Position(
            NegativesRule(self._limit, self._span, negatives(past), many),
            RefusalsRule(refused),
            events.Tail(self._client, str(cursor)),
        )

    def _warn_if_trimmed(self, cursor: EntryId) -> None:
        """Say so if the stream has dropped entries that were never judged: that loss is not silent."""
        if events.has_lost(self._client, str(cursor)):
            first = events.first_entry(self._client)
            log.warning("events.missed", extra={"after": str(cursor), "before": str(first)})


def window_start(at_ms: int, span: timedelta) -> EntryId:
    """Return the last possible entry before the window ``(at_ms - span, at_ms]``."""
    return EntryId(max(0, at_ms - span // timedelta(milliseconds=1)), LAST_SEQUENCE)


def negatives(stream: Iterable[Event]) -> Iterator[Negative]:
    """Yield the negative results among events; malformed ones are logged and skipped."""
    for event in stream:
        try:
            negative = events.negative(event)
        except MalformedEvent as error:
            _log_malformed(event, error)
        else:
            if negative:
                yield negative


def _is_open_at(cursor: EntryId, alert: Alert) -> bool:
    """Whether an alert had fired, and not yet ended, when the cursor's entry had been judged."""
    has_fired = origin(alert).entry <= cursor
    return has_fired and (alert.resolved_at is None or round(alert.resolved_at * 1000) >= cursor.ms)


def _log_malformed(event: Event, error: MalformedEvent) -> None:
    log.warning("event.malformed", extra={"entry": event.entry, "reason": str(error)})
