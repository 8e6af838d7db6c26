"""What a gateway does unasked: deadlines end on time, and a full Redis is noticed before it is full.

Every gateway does it; what one has ended, the next no longer finds.
"""

import asyncio
import logging
from collections.abc import Collection

from redis.asyncio import Redis
from redis.exceptions import RedisError

from gateway.admission import Admission
from gateway.errors import QueueUnavailable
from gateway.store import ENDED_AT_ONCE, Store

log = logging.getLogger(__name__)

#: A deadline is kept within a second; this is half of it.
EVERY_S = 0.5
#: Share of Redis' ``maxmemory`` beyond which nothing new is accepted: what is under way needs the rest.
FULL = 0.9


class Upkeep:
    """Sweeps overdue predictions, and closes the admissions while Redis' memory is nearly full."""

    def __init__(self, redis: "Redis", store: Store, admissions: Collection[Admission]) -> None:
        self._redis = redis
        self._store = store
        self._admissions = admissions

    async def run(self) -> None:
        """Sweep for as long as the gateway lives."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                while await self._store.cancel_overdue() == ENDED_AT_ONCE:
                    pass
                is_full = await self._is_full()
                for admission in self._admissions:
                    admission.is_closed = is_full
            except (QueueUnavailable, RedisError, OSError) as error:
                # The waiters' reader reports Redis as away; what is overdue then ends with the next sweep.
                log.debug("upkeep.missed", extra={"error": type(error).__name__})

    async def _is_full(self) -> bool:
        memory = await self._redis.info("memory")
        return bool(0 < memory["maxmemory"] * FULL < memory["used_memory"])
