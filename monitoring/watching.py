"""Conditions watched by sampling: judge, write what changed.

Alerts that are open when the process starts are taken over from Redis, so none fires twice and each can end.
"""

from collections.abc import Callable, Collection, Iterable

import redis

from monitoring import events
from monitoring.alerts import AlertBook
from monitoring.rules.life import Life
from monitoring.rules.rule import Finding


class Watch:
    """The rules of these names, on whatever ``look`` finds each time."""

    def __init__(
        self, client: redis.Redis, names: Collection[str], look: Callable[[], Iterable[Finding]]
    ) -> None:
        self._client = client
        self._names = names
        self._look = look
        self._book = AlertBook(client)
        self._life: Life | None = None

    def __call__(self) -> None:
        """Look once.

        Raises:
            redis.RedisError: Redis is away; nothing is lost but how long a condition has lasted.
        """
        # As in the monitor: what was not written is not remembered as written.
        life, self._life = self._life or self._taken_over(), None
        findings = list(self._look())
        for alert in life.update(findings, events.now_ms(self._client)):
            self._book.record(alert)
        self._life = life

    def _taken_over(self) -> Life:
        return Life(a for a in self._book.newest() if a.rule in self._names and a.resolved_at is None)
