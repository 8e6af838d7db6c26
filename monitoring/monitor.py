"""One tick of monitoring: read what happened, judge it, write and announce alerts.

Knows the order of the steps and what makes them survive a crash; knows no scheduler, signal or Azure.

Everything follows from the stream and a cursor in Redis. After a start, or after anything went wrong in a
tick, the windows are rebuilt: the entries of one span before the cursor are counted silently, the alerts that
were open at the cursor are taken over, and the stream is judged again from the cursor on. That gives the same
alerts with the same ids, and writing a known alert changes nothing. So an alert due while nobody watched is
fired once, at its true time, and none is fired twice. An alert is announced when its own event comes by,
whoever wrote it.
"""

import logging
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import cast

import redis

from contract import keys
from contract.alerts import Alert
from contract.events import Event, EventType
from monitoring import events
from monitoring.alerts import AlertBook
from monitoring.errors import MalformedEvent
from monitoring.judging import Judge, Rules
from monitoring.notices import NoticeBook
from monitoring.recent import Standings
from monitoring.rule import Negative
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

    judge: Judge
    tail: events.Tail


class Monitor:
    """Watches the events in one Redis database."""

    def __init__(
        self, client: redis.Redis, rules: Rules, telemetry: Telemetry, targets: Collection[str] = ()
    ) -> None:
        self._client = client
        self._rules = rules
        self._telemetry = telemetry
        self._targets = targets
        self._book = AlertBook(client)
        self._notices = NoticeBook(client)
        self._position: _Position | None = None
        #: The windows at the last look, for whoever shows them; None before the first.
        self.standings: Standings | None = None

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
            self._handle(event, position.judge)
        self._write(position.judge.advance(now))
        self._save(now, position.tail.cursor)
        self._position = position
        # What was read may be younger than the time taken before.
        self.standings = position.judge.standings(max(now, EntryId.parse(position.tail.cursor).ms))
        self._telemetry.ticked()

    def _handle(self, event: Event, judge: Judge) -> None:
        try:
            negative, alert = events.negative(event), events.alert(event)
            changed = judge.update(event)
        except MalformedEvent as error:
            events.log_malformed(event, error)
            return
        if negative:
            self._telemetry.negative(negative)
        self._write(changed)
        if alert:
            self._announce(event, alert)

    def _write(self, alerts: Iterable[Alert]) -> None:
        """Write alerts; they are announced when their events come by, so that each is, also after a crash."""
        for alert in alerts:
            self._book.record(alert)

    def _announce(self, event: Event, alert: Alert) -> None:
        log.warning(event.type, extra=asdict(alert))
        if event.type == EventType.ALERT_ACKNOWLEDGED:
            return
        self._telemetry.alert(event.type, alert)
        if self._targets and alert.silenced_until is None:
            self._notices.add(self._targets, event.type, alert.id, event.at)

    def _save(self, now: int, cursor: str) -> None:
        with self._client.pipeline() as pipe:
            pipe.set(keys.MONITORING_HEARTBEAT, now, ex=HEARTBEAT_TTL)
            pipe.set(CURSOR, cursor)
            pipe.execute()

    def _restore(self, now: int) -> _Position:
        """Return the state at the cursor; without one, at one span ago."""
        saved = cast("str | None", self._client.get(CURSOR))
        cursor = EntryId.parse(saved) if saved else window_start(now, self._rules.span)
        self._warn_if_trimmed(cursor)
        past = events.between(self._client, str(window_start(cursor.ms, self._rules.memory)), str(cursor))
        judge = Judge(self._rules, cursor, past, self._book.newest())
        log.info("windows.restored", extra={"cursor": str(cursor), "open_alerts": judge.taken_over})
        return _Position(judge, events.Tail(self._client, str(cursor)))

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
    return filter(None, map(events.negative, events.wellformed(stream)))
