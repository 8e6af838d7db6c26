"""Room in Redis: the oldest results go before new predictions are refused.

Results are promised for a day and kept for a day, as long as Redis' ``maxmemory`` has room for them. Ended a
few minutes ago is the least: who polls finds its result.
"""

from datetime import timedelta
from importlib.resources import files

from redis.asyncio import Redis

from contract import jobs, keys

#: What ended less long ago stays, whatever the memory.
YOUNGEST = timedelta(minutes=10)
#: Looked at in one call, so that Redis is never held up for more than a millisecond.
AT_ONCE = 250


class Room:
    """Forgets results, the oldest of each owner first."""

    def __init__(self, redis: "Redis", youngest: timedelta = YOUNGEST) -> None:
        self._redis = redis
        self._youngest_s = int(youngest.total_seconds())
        self._forget = redis.register_script(
            files("gateway").joinpath("lua", "forget.lua").read_text("utf-8")
        )
        #: Where each owner's list is read on: what lies before could not be forgotten in this turn.
        self._behind: dict[str, str] = {}

    async def make(self) -> int:
        """Forget some of the oldest results; return how many. None may be left, or only this time."""
        return sum([await self._of(str(owner)) for owner in await self._redis.smembers(keys.OWNERS)])

    async def _of(self, owner: str) -> int:
        behind = self._behind.get(owner, "")
        forgotten, self._behind[owner] = await self._forget(
            keys=[keys.created(owner), keys.OUTBOX],
            args=[
                keys.PREDICTION_PREFIX, keys.JOB_PREFIX, keys.DELIVERY_PREFIX,
                f"({behind}" if behind else "-", AT_ONCE, self._youngest_s,
                int(jobs.RETENTION.total_seconds()),
            ],
        )  # fmt: skip
        return int(forgotten)
