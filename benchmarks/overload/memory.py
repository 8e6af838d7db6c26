"""Memory of every process of a fleet, once a second."""

import asyncio
import contextlib
import time
from dataclasses import dataclass, field

import psutil
from redis.exceptions import RedisError

from benchmarks.fleet import Fleet

MIB = 2**20


@dataclass(slots=True)
class Watch:
    """By process name: (seconds since the start, MiB of proportional memory: shared pages counted once).

    ``redis data`` is what Redis itself says it uses.
    """

    fleet: Fleet
    lines: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    async def run(self) -> None:
        """Watch until cancelled."""
        begun = time.monotonic()
        redis = self.fleet.redis()
        while True:
            at = time.monotonic() - begun
            sizes = await asyncio.to_thread(self._sizes)
            with contextlib.suppress(RedisError, OSError):
                sizes["redis data"] = (await redis.info("memory"))["used_memory"] / MIB
            for name, size in sizes.items():
                self.lines.setdefault(name, []).append((at, size))
            await asyncio.sleep(max(0.0, begun + at + 1 - time.monotonic()))

    def _sizes(self) -> dict[str, float]:
        return {name: _tree(pid) / MIB for name in self.fleet.children if (pid := self.fleet.pid(name))}


def _tree(pid: int) -> int:
    """Return the bytes of a process and all below it."""
    try:
        root = psutil.Process(pid)
        return sum(int(one.memory_full_info().pss) for one in [root, *root.children(recursive=True)])
    except psutil.NoSuchProcess:
        return 0
