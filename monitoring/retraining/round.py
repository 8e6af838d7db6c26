"""One look: is it time to train? Asks, decides, has it done.

The decision is beside (``triggers``), the doing is the trainer's (``queue``).
"""

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import redis

from monitoring import events
from monitoring.alerts import AlertBook
from monitoring.analysis.kinds import TRAINING
from monitoring.errors import HistoryUnavailable
from monitoring.history.asking import Archive, Version
from monitoring.retraining.handing import MOST, Handover
from monitoring.retraining.queue import Trainings
from monitoring.retraining.triggers import Order, Situation, reason

log = logging.getLogger(__name__)


class Retraining:
    """Has models trained when it is time."""

    def __init__(self, client: redis.Redis, archive: Archive, trainings: Trainings, order: Order) -> None:
        self._client = client
        self._archive = archive
        self._trainings = trainings
        self._order = order
        self._book = AlertBook(client)
        self._handover = Handover(client)

    def look(self) -> None:
        """Train if drift or labels are a reason to.

        Raises:
            redis.RedisError: Redis is away.
        """
        try:
            why = reason(self._order.wishes, self._situation())
            if why:
                self.start(why)
        except HistoryUnavailable as error:
            log.debug("retraining.unread", extra={"reason": str(error)})

    def by_the_clock(self) -> None:
        """Train because it is time. With Redis or the database away, this time is missed, and said."""
        try:
            self.start("schedule")
        except (HistoryUnavailable, redis.RedisError) as error:
            log.warning("training.missed", extra={"reason": str(error)})

    def start(self, why: str) -> str | None:
        """Ask for a training and keep that it was; return the job's id, None if one is under way.

        Raises:
            redis.RedisError: Redis is away.
            HistoryUnavailable: the database is.
        """
        model = self._order.model
        last = self._trainings.of(model)
        if last and last.is_under_way:
            return None
        # Before the job: a trainer that is idle begins at once.
        told = self._hand_over() if self._order.feedback else {}
        id = self._trainings.ask(model, {**self._order.arguments, **told})
        if id:
            log.info("training.requested", extra={"model": model, "reason": why, "job": id, **told})
            now = events.now_ms(self._client)
            self._archive.report(TRAINING, Version(model, ""), now, {"reason": why, "at_ms": now, **told})
        return id

    def _hand_over(self) -> Mapping[str, Any]:
        """Give the trainer what people said; return how many rows that is, and how many have no text left.

        All that is kept, not only what is new: a training begins with the file and knows nothing of the last.
        """
        model = self._order.model
        rows = self._archive.told(model, MOST)
        self._handover.hand(model, rows)
        gone = min(self._archive.labels_since(model, 0), MOST) - len(rows)
        return {"handed": len(rows), "gone": max(0, gone)}

    def _situation(self) -> Situation:
        model, now = self._order.model, events.now_ms(self._client)
        last = next((body for of, body in self._archive.newest(TRAINING, 0) if of.model == model), None)
        last_ms = int(last["at_ms"]) if last else None
        return Situation(
            open_rules={a.rule for a in self._book.newest() if a.resolved_at is None and a.subject == model},
            new_labels=self._archive.labels_since(model, last_ms or 0),
            since_last=None if last_ms is None else timedelta(milliseconds=now - self._ended_ms(last_ms)),
        )

    def _ended_ms(self, asked_ms: int) -> int:
        """Return when the last training ended, or was asked for: what it brought has to show first."""
        last = self._trainings.of(self._order.model)
        return max(asked_ms, round(((last and last.ended_at) or 0) * 1000))
