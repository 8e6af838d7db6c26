"""Telling the page how things are: one JSON object in Redis, made anew every two seconds.

Knows what is read when, and what stays while the database is away; what the figures look like is built beside
(``monitoring.showing``). Between two rounds of everything only the last minutes are read again.
"""

import json
import logging
from collections.abc import Collection
from datetime import timedelta

import redis

from contract import keys
from contract import overview as told
from monitoring import events
from monitoring.analysis.kinds import DATA, DRIFT, ESTIMATE, QUALITY
from monitoring.errors import HistoryUnavailable
from monitoring.history.counting import MINUTE_MS
from monitoring.history.figures import HOUR_MS, Figures
from monitoring.history.following import Follower
from monitoring.monitor import Monitor
from monitoring.showing import Known, Limits, minute, model, windows

#: Everything is read again so often: hours, labels, reports, and minutes that were caught up with.
READ_EVERY_MS = 30_000
#: How long the last word stays when monitoring is gone: its time says how old it is.
KEPT = timedelta(hours=1)
DAY_MS = 24 * HOUR_MS

log = logging.getLogger(__name__)


class Publisher:
    """Writes the overview; ``expected`` models are shown also before anything is known of them."""

    def __init__(
        self,
        client: redis.Redis,
        monitor: Monitor,
        follower: Follower,
        figures: Figures,
        limits: Limits,
        expected: Collection[str],
    ) -> None:
        self._client = client
        self._monitor = monitor
        self._follower = follower
        self._figures = figures
        self._limits = limits
        self._expected = expected
        self._known = Known()
        self._read_ms = 0
        self._history_ms: int | None = None

    def __call__(self) -> None:
        """Write it once; nothing before the first look of the monitor.

        Raises:
            redis.RedisError: Redis is away.
        """
        standings = self._monitor.standings
        if standings is None:
            return
        now = events.now_ms(self._client)
        try:
            self._read(now)
        except HistoryUnavailable as error:
            # The follower says it in the log; here what was known stays, with its time.
            log.debug("overview.old", extra={"reason": str(error)})
        models = self._known.models() | set(self._expected)
        overview: told.Overview = {
            "at": now / 1000,
            "windows_at": standings.at_ms / 1000,
            "history_at": None if self._history_ms is None else self._history_ms / 1000,
            "windows": windows(standings, self._limits, models),
            "models": {name: model(name, self._known) for name in sorted(models)},
        }
        self._client.set(keys.OVERVIEW, json.dumps(overview, separators=(",", ":")), ex=KEPT)

    def _read(self, now: int) -> None:
        # Before the reading: what was kept by then is among what is read.
        kept_ms = self._follower.kept_ms
        if now - self._read_ms >= READ_EVERY_MS:
            self._known, self._read_ms = self._everything(now), now
        else:
            self._catch_up(now)
        self._history_ms = kept_ms

    def _everything(self, now: int) -> Known:
        figures, week = self._figures, _hours_ago(now, told.HOURS)
        return Known(
            minutes={place: minute(place, counts) for place, counts in figures.minutes(_first(now)).items()},
            hours=figures.hours(week),
            labels=figures.labels(now - DAY_MS),
            quality=figures.course(QUALITY, week),
            estimates=figures.newest(ESTIMATE, week),
            drifts=figures.newest(DRIFT, week),
            data=figures.newest(DATA, week),
        )

    def _catch_up(self, now: int) -> None:
        """Read the minutes that may have changed since the last time, and drop those that are too old."""
        first, known = _first(now), self._known.minutes
        changed_ms = self._history_ms - MINUTE_MS if self._history_ms is not None else first
        for place, counts in self._figures.minutes(max(first, changed_ms)).items():
            known[place] = minute(place, counts)
        self._known.minutes = {place: known[place] for place in sorted(known) if place.at_ms >= first}


def _first(now: int) -> int:
    """Return the first of the minutes that are shown, the one under way among them."""
    return now - now % MINUTE_MS - (told.MINUTES - 1) * MINUTE_MS


def _hours_ago(now: int, hours: int) -> int:
    return now - now % HOUR_MS - (hours - 1) * HOUR_MS
