"""Striking: signals to processes, a cut of all connections to Redis, a move of the alias."""

import asyncio
import contextlib
import random
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import cast

import httpx2
from redis.asyncio import Redis
from redis.exceptions import RedisError

from benchmarks.chaos.plan import Fault, Kind
from benchmarks.fleet import Fleet
from contract import keys

#: Longer than a worker's lease of six seconds: another takes over, then the first wakes up.
PAUSE_S = 9.0
#: How long a worker is watched for a batch in its hands; after that it is struck idle.
AIM_S = 6.0
#: Between two looks at the leases, and between two bursts.
LOOK_S, BURST_S = 0.0005, 0.5
#: By then Redis has read what a stopped worker had sent, and the others have committed what they held.
SETTLED_S = 0.1
SIGNALS = {Kind.KILL: signal.SIGKILL, Kind.RESTART: signal.SIGTERM, Kind.PAUSE: signal.SIGSTOP}


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """What was done at ``at`` (seconds since the epoch) to which process.

    ``held`` is how many predictions a worker had claimed and not committed; None where nobody looked.
    ``is_done`` is false if the target was dead already.
    """

    at: float
    kind: Kind
    service: str
    target: str
    held: int | None = None
    is_done: bool = True


class Striker:
    """Follows a plan.

    Args:
        versions: the alias goes from one to the next, round and round; the first serves at the beginning.
        burst: gives the workers more to do than they do in an instant.
    """

    def __init__(
        self, fleet: Fleet, chance: random.Random, versions: Sequence[str], burst: Callable[[], None]
    ) -> None:
        self._fleet = fleet
        self._chance = chance
        self._burst = burst
        self._versions = cycle((*versions[1:], versions[0]))
        self._redis: Redis = fleet.redis()
        self._waking: set[asyncio.Task[None]] = set()
        self.strikes: list[Strike] = []

    async def run(self, plan: Sequence[Fault]) -> None:
        """Strike each at its time; returns after the last."""
        begun = time.monotonic()
        for fault in plan:
            await asyncio.sleep(max(0.0, begun + fault.at_s - time.monotonic()))
            self.strikes.append(await self._strike(fault))

    async def close(self) -> None:
        """Let whoever stands still go on."""
        await asyncio.gather(*self._waking)
        await self._redis.aclose()

    async def _strike(self, fault: Fault) -> Strike:
        if fault.kind == Kind.CUT:
            return await self._cut()
        if fault.kind == Kind.MOVE:
            return await self._move()
        name = self._chance.choice(self._fleet.names(fault.service))
        held = None
        if fault.service == "worker" and fault.kind in (Kind.KILL, Kind.PAUSE):
            held = await self._aim(name)
        pid = self._fleet.signal(name, SIGNALS[fault.kind])
        at = time.time()
        if pid is None:
            return Strike(at=at, kind=fault.kind, service=fault.service, target=name, is_done=False)
        if fault.kind == Kind.PAUSE:
            task = asyncio.create_task(self._wake(name, pid))
            self._waking.add(task)
            task.add_done_callback(self._waking.discard)
        return Strike(at=at, kind=fault.kind, service=fault.service, target=name, held=held)

    async def _aim(self, name: str) -> int:
        """Leave the worker stopped with a batch in its hands, and return how many; 0 if it never had one."""
        begun = burst_at = time.monotonic()
        old = await self._leases()
        while (now := time.monotonic()) < begun + AIM_S:
            if now >= burst_at:
                self._burst()
                burst_at = now + BURST_S
            await asyncio.sleep(LOOK_S)
            if not await self._leases() - old:
                continue
            if self._fleet.signal(name, signal.SIGSTOP) is None:
                break
            await asyncio.sleep(SETTLED_S)
            # Of what is held now only the stopped worker's lasts: the others commit within that time.
            held = await self._leases() - old
            await asyncio.sleep(SETTLED_S)
            if held := held & await self._leases():
                return len(held)
            self._fleet.signal(name, signal.SIGCONT)
        return 0

    async def _leases(self) -> set[str]:
        try:
            return set(cast("list[str]", await self._redis.zrange(keys.LEASES, 0, -1)))
        except (RedisError, OSError):
            await asyncio.sleep(SETTLED_S)
            return set()

    async def _wake(self, name: str, pid: int) -> None:
        await asyncio.sleep(PAUSE_S)
        # It may have been killed meanwhile.
        if self._fleet.pid(name) == pid:
            self._fleet.signal(name, signal.SIGCONT)

    async def _cut(self) -> Strike:
        at = time.time()
        try:
            cut = await self._redis.client_kill_filter(_type="normal", skipme=True)
        except (RedisError, OSError):
            return Strike(
                at=at, kind=Kind.CUT, service="redis", target="all connections to redis", is_done=False
            )
        return Strike(at=at, kind=Kind.CUT, service="redis", target=f"{cut} connections to redis")

    async def _move(self) -> Strike:
        version = next(self._versions)
        at = time.time()
        is_done = False
        with contextlib.suppress(httpx2.HTTPError):
            await self._fleet.move_alias(version)
            is_done = True
        return Strike(
            at=at, kind=Kind.MOVE, service="mlflow", target=f"to version {version}", is_done=is_done
        )
