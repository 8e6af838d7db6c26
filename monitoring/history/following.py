"""Carrying the stream of events into the history, batch by batch.

Runs beside the alerts and never in their way: a database that is away, locked or full stops this and nothing
else. It goes on where the database says that it stopped, however long ago that was.
"""

import logging
from dataclasses import dataclass
from datetime import timedelta

import redis

from monitoring import events
from monitoring.errors import HistoryUnavailable
from monitoring.history.counting import COUNTS_RETENTION
from monitoring.history.keeping import History
from monitoring.history.rows import rows
from monitoring.history.texts import Texts

#: What is too old is deleted this often.
FORGET_EVERY = timedelta(minutes=10)

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Progress:
    cursor: str
    forgotten_ms: int = 0


class Follower:
    """Keeps the history up to date; safe to call again after anything."""

    def __init__(
        self,
        client: redis.Redis,
        history: History,
        retention: timedelta,
        texts: Texts | None = None,
        counts_retention: timedelta = COUNTS_RETENTION,
    ) -> None:
        self._client = client
        self._history = history
        self._retention = retention
        self._counts_retention = counts_retention
        self._texts = texts
        #: Redis' time up to which all that happened is in the history; None before it was for the first time.
        self.kept_ms: int | None = None
        self._progress: _Progress | None = None
        self._is_away = False

    def __call__(self) -> None:
        """Catch up once; a database that fails is said once, and tried again at the next call.

        Raises:
            redis.RedisError: Redis is away.
        """
        # Before the stream is read: what is older than this is then in the history.
        now = events.now_ms(self._client)
        try:
            # As in the monitor: after a failure everything follows from what the database says.
            progress, self._progress = self._progress or self._start(), None
            self._follow(progress)
            self.kept_ms = now
            self._forget(progress, now)
        except HistoryUnavailable as error:
            if not self._is_away:
                log.warning("history.away", extra={"reason": str(error)})
            self._is_away = True
            return
        if self._is_away:
            log.info("history.back", extra={"cursor": progress.cursor})
        self._is_away = False
        self._progress = progress

    def _start(self) -> _Progress:
        self._history.prepare()
        cursor = self._history.cursor()
        if cursor is None:
            return _Progress("0-0")
        if events.has_lost(self._client, cursor):
            first = events.first_entry(self._client)
            log.warning("history.missed", extra={"after": cursor, "before": str(first)})
        return _Progress(cursor)

    def _follow(self, progress: _Progress) -> None:
        while True:
            batch, cursor = events.page(self._client, progress.cursor)
            if cursor == progress.cursor:
                return
            found = rows(batch)
            for entry, reason in found.malformed:
                log.warning("event.malformed", extra={"entry": entry, "reason": reason})
            if self._texts:
                self._texts.add(found)
            self._history.keep(found, cursor)
            progress.cursor = cursor

    def _forget(self, progress: _Progress, now: int) -> None:
        if now - progress.forgotten_ms < FORGET_EVERY // timedelta(milliseconds=1):
            return
        if gone := self._history.forget(now, self._retention, self._counts_retention):
            log.info("history.forgotten", extra={"rows": gone})
        progress.forgotten_ms = now
