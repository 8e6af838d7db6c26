"""One look at the whole service: what monitoring tells, and what the gateway sees in Redis itself.

Knows no watcher and no clock but Redis'. It reads no prediction's input and no owner's list: there is no text
of users in what it returns.
"""

import json
import logging
from typing import Any, cast

from redis.asyncio import Redis

from contract import keys
from contract.jobs import Lane
from contract.overview import FRESH
from gateway.schemas import alert_object
from gateway.settings import Settings
from gateway.store import Store, or_unavailable
from gateway.trainings.queue import Trainings
from gateway.webhooks.deliveries import Journal

log = logging.getLogger(__name__)

#: The newest alerts that are shown.
ALERTS = 50


class Reader:
    """Looks at one Redis; raises QueueUnavailable while it is away."""

    def __init__(
        self, redis: "Redis", settings: Settings, store: Store, journal: Journal, trainings: Trainings
    ) -> None:
        self._redis = redis
        self._settings = settings
        self._store = store
        self._journal = journal
        self._trainings = trainings
        self._text = ""
        self._history: dict[str, Any] | None = None

    async def history(self) -> dict[str, Any] | None:
        """Return what monitoring told last, as ``contract.overview`` has it; None if it never did."""
        return (await self._told())[1]

    async def present(self) -> dict[str, Any]:
        """Return how things are now. Times are seconds since the epoch by Redis' clock."""
        now, history = await self._told()
        told_at = float(history["at"]) if history else None
        return {
            "at": now,
            "monitoring": {
                "is_present": told_at is not None and now - told_at <= FRESH.total_seconds(),
                "at": told_at,
            },
            "models": [await self._model(name) for name in self._settings.served],
            "trainers": await self._trainings.trainers(),
            "webhooks": await self._journal.backlog(),
            "alerts": [alert_object(alert) for alert in await self._store.alerts(ALERTS)],
        }

    async def _model(self, name: str) -> dict[str, Any]:
        waiting = await self._store.waiting(name)
        held = await self._store.holders(name)
        return {
            "name": name,
            "queues": [
                {"lane": lane, "waiting": waiting[lane].jobs, "oldest_s": waiting[lane].oldest_s}
                for lane in Lane
            ],
            "workers": [{"version": version, "count": count} for version, count in sorted(held.items())],
        }

    @or_unavailable
    async def _told(self) -> tuple[float, dict[str, Any] | None]:
        seconds, microseconds = await self._redis.time()
        text = cast("str | None", await self._redis.get(keys.OVERVIEW)) or ""
        # Monitoring tells something new every few seconds, and it is long.
        if text != self._text:
            self._text, self._history = text, _parsed(text)
        return seconds + microseconds / 1e6, self._history


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        history = json.loads(text)
        float(history["at"])
    except (ValueError, TypeError, KeyError):
        if text:
            log.warning("overview.malformed")
        return None
    return cast("dict[str, Any]", history)
