"""Taking a sample of the service: RQ's queues and workers, the outbox, unsent notices, disks.

Only reads. Knows how these lie in Redis; does not judge.
"""

import shutil
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast

import redis

from contract import jobs, keys
from contract.jobs import TRAINING_QUEUE, Lane
from monitoring import events
from monitoring.notices import NoticeBook
from monitoring.rules.conditions import Sample, Serving

#: Those in which a person waits. Bulk and explanations are meant to wait.
URGENT = (Lane.HIGH, Lane.DEFAULT)


@dataclass(frozen=True, slots=True)
class Sampler:
    """Looks at one Redis database and some folders. ``expected`` models should be served at any time."""

    client: redis.Redis
    expected: Collection[str]
    folders: Collection[Path]

    def sample(self) -> Sample:
        """Return how things are now.

        Raises:
            redis.RedisError: Redis is away.
        """
        now = events.now_ms(self.client) / 1000
        since = NoticeBook(self.client).oldest()
        return Sample(
            models={model: self._serving(model, now) for model in sorted(self._models())},
            webhooks_due=int(self.client.zcount(keys.OUTBOX, "-inf", now)),
            notices_late_s=max(0.0, now - since) if since else 0.0,
            disks={str(folder): _used(folder) for folder in self.folders if folder.exists()},
        )

    def _models(self) -> set[str]:
        """Return the models that are expected, and those that have ever had a queue."""
        found = cast("set[str]", self.client.smembers(keys.QUEUES))
        names = {key.removeprefix(keys.QUEUE_PREFIX).partition(":")[0] for key in found}
        return (names - {TRAINING_QUEUE}) | set(self.expected)

    def _serving(self, model: str, now: float) -> Serving:
        workers = cast("set[str]", self.client.smembers(keys.workers(model)))
        pipe = self.client.pipeline(transaction=False)
        for name in jobs.queue_names(model):
            pipe.llen(keys.queue(name))
        for lane in URGENT:
            pipe.lindex(keys.queue(jobs.queue_name(model, lane)), 0)
        *waiting, high, default = pipe.execute()
        served = self._served(workers)
        return Serving(
            workers=len(served),
            versions=frozenset(version for version in served if version),
            waiting=sum(waiting),
            oldest_s=max(self._age(head, now) for head in (high, default)),
            is_expected=model in self.expected,
        )

    def _served(self, workers: Collection[str]) -> list[str | None]:
        """Return which version each live worker answers with; None of one that has not said, as RQ's own."""
        pipe = self.client.pipeline(transaction=False)
        for worker in workers:
            pipe.exists(worker)
            pipe.hget(worker, keys.SERVING)
        found = pipe.execute()
        return [version for is_alive, version in zip(found[::2], found[1::2], strict=True) if is_alive]

    def _age(self, id: str | None, now: float) -> float:
        """Return how long a job has been waiting, by RQ's own record of it: ours holds the text."""
        created_at = cast("str | None", self.client.hget(keys.job(id), "created_at")) if id else None
        return max(0.0, now - datetime.fromisoformat(created_at).timestamp()) if created_at else 0.0


def _used(folder: Path) -> float:
    """Return the share of its disk that is used, of what an ordinary user may use."""
    usage = shutil.disk_usage(folder)
    return usage.used / (usage.used + usage.free)
