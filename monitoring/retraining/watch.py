"""Watching what was promoted: a version that does worse than the one before it is taken back, once."""

import logging
from datetime import timedelta

import redis

from monitoring import events
from monitoring.analysis.intervals import Interval
from monitoring.analysis.kinds import QUALITY
from monitoring.errors import HistoryUnavailable
from monitoring.history.asking import Archive, Served
from monitoring.retraining.probation import Decision, Health, Probation, Verdict, decide
from monitoring.retraining.queue import Trainings

log = logging.getLogger(__name__)


class PromotionWatch:
    """Looks at the newest version of one model beside the one before."""

    def __init__(
        self, client: redis.Redis, archive: Archive, trainings: Trainings, model: str, probation: Probation
    ) -> None:
        self._client = client
        self._archive = archive
        self._trainings = trainings
        self._model = model
        self._probation = probation
        self._kept = ""

    def look(self) -> Decision | None:
        """Judge the newest version; None where there is nothing to compare.

        Raises:
            redis.RedisError: Redis is away.
        """
        now = events.now_ms(self._client)
        try:
            # Twice the period: the version before answered in the first half of it.
            start_ms = now - 2 * self._probation.period // timedelta(milliseconds=1)
            served = self._archive.served(self._model, start_ms)
            if len(served) < 2:
                return None
            accuracies = self._accuracies()
        except HistoryUnavailable as error:
            log.debug("probation.unread", extra={"reason": str(error)})
            return None
        after, before = served[0], served[1]
        elapsed = timedelta(milliseconds=now - after.first_ms)
        decision = decide(self._probation, _health(before, accuracies), _health(after, accuracies), elapsed)
        if decision.verdict is Verdict.ROLL_BACK and elapsed < self._probation.period:
            self._take_back(after.version, decision.reason)
        elif decision.verdict is Verdict.KEEP and self._kept != after.version:
            self._kept = after.version
            log.info("probation.passed", extra={"model": self._model, "version": after.version})
        return decision

    def _take_back(self, version: str, why: str) -> None:
        if self._trainings.roll_back(self._model, version, why):
            log.warning("rollback.requested", extra={"model": self._model, "version": version, "reason": why})

    def _accuracies(self) -> dict[str, Interval]:
        return {
            of.version: Interval(**body["accuracy"])
            for of, body in self._archive.newest(QUALITY, 0)
            if of.model == self._model
        }


def _health(served: Served, accuracies: dict[str, Interval]) -> Health:
    return Health(served.ended, served.failed, accuracies.get(served.version))
