"""What a gateway does unasked: deadlines end on time, and Redis has room before it is full.

Every gateway does it; what one has ended, the next no longer finds.
"""

import asyncio
import logging
from collections.abc import Collection

from redis.asyncio import Redis
from redis.exceptions import RedisError

from gateway.admission import Admission
from gateway.errors import QueueUnavailable
from gateway.room import Room
from gateway.store import ENDED_AT_ONCE, Store

log = logging.getLogger(__name__)

#: A deadline is kept within a second; this is half of it.
EVERY_S = 0.5
#: Share of Redis' ``maxmemory`` beyond which nothing new is accepted: what is under way needs the rest.
FULL = 0.9
#: Share beyond which old results make room, so many calls a sweep at most.
TIGHT = 0.8
ROUNDS = 20


class Upkeep:
    """Sweeps overdue predictions, makes room, and closes the admissions while Redis is nearly full."""

    def __init__(self, redis: "Redis", store: Store, admissions: Collection[Admission]) -> None:
        self._redis = redis
        self._store = store
        self._room = Room(redis)
        self._admissions = admissions

    async def run(self) -> None:
        """Sweep for as long as the gateway lives."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                while await self._store.cancel_overdue() == ENDED_AT_ONCE:
                    pass
                used = await self._used()
                for admission in self._admissions:
                    admission.is_closed = used > FULL
                if used > TIGHT:
                    await self._make_room()
            except (QueueUnavailable, RedisError, OSError) as error:
                # The waiters' reader reports Redis as away; what is overdue then ends with the next sweep.
                log.debug("upkeep.missed", extra={"error": type(error).__name__})

    async def _used(self) -> float:
        """Return which share of ``maxmemory`` is used; 0 where there is no bound."""
        memory = await self._redis.info("memory")
        most = int(memory["maxmemory"])
        return int(memory["used_memory"]) / most if most else 0.0

    async def _make_room(self) -> None:
        forgotten = 0
        for _ in range(ROUNDS):
            made = await self._room.make()
            forgotten += made
            if not made or await self._used() < TIGHT:
                break
        if forgotten:
            log.warning("results.forgotten", extra={"count": forgotten})
