"""Texts over HTTP to the service, and a killer that waits for its moments."""

import asyncio
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import httpx2
from redis import Redis

from benchmarks.service import worker
from contract import keys

CONNECTIONS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How one prediction ended; times are seconds since the epoch, by Redis' clock."""

    id: str
    status: str
    label: str | None
    attempts: int
    completed_at: float


class Killer(threading.Thread):
    """Kills the launcher's worker with -9, in the middle of a batch, when so many predictions have ended.

    Args:
        launcher: process id.
        redis_url: where the leases tell whether the worker holds anything.
        at: after how many ends, rising.
    """

    def __init__(self, launcher: int, redis_url: str, at: Sequence[int]) -> None:
        super().__init__(daemon=True)
        self._launcher = launcher
        self._redis = Redis.from_url(redis_url, decode_responses=True)
        self._at = at
        #: What dead workers held: their leases stay for some seconds.
        self._old: set[str] = set()
        #: Predictions that have ended; whoever counts them writes here.
        self.ended = 0
        #: Seconds since the epoch.
        self.killed_at: list[float] = []

    def run(self) -> None:
        """Strike at each moment."""
        for moment in self._at:
            while self.ended < moment:
                time.sleep(0.001)
            self._strike()
            print(f"killed the worker after {self.ended} ends", file=sys.stderr)

    def _strike(self) -> None:
        """Stop the worker; kill it if it holds anything, else let it go on and try again."""
        while not (pid := worker(self._launcher)):
            time.sleep(0.1)
        while True:
            while not self._leases() - self._old:
                pass
            os.kill(pid, signal.SIGSTOP)
            # By then Redis has read what the worker had sent.
            time.sleep(0.005)
            if self._leases() - self._old:
                break
            os.kill(pid, signal.SIGCONT)
        self.killed_at.append(time.time())
        os.kill(pid, signal.SIGKILL)
        self._old = self._leases()

    def _leases(self) -> set[str]:
        return set(cast("list[str]", self._redis.zrange(keys.LEASES, 0, -1)))


async def send_all(api: str, texts: Sequence[str], killer: Killer) -> list[Ended | None]:
    """Send each text and wait for its end; None for a text that was not accepted."""
    ended: list[Ended | None] = [None] * len(texts)
    limits = httpx2.Limits(max_connections=CONNECTIONS)

    async def work(client: httpx2.AsyncClient, turns: Iterator[int]) -> None:
        for turn in turns:
            ended[turn] = await _predict(client, texts[turn])
            killer.ended += 1

    turns = iter(range(len(texts)))
    async with httpx2.AsyncClient(base_url=api, limits=limits, timeout=90, trust_env=False) as client:
        await asyncio.gather(*(work(client, turns) for _ in range(CONNECTIONS)))
    return ended


async def _predict(client: httpx2.AsyncClient, text: str) -> Ended | None:
    wait = {"Prefer": "wait"}
    answer = await client.post("/v1/predictions", json={"input": {"text": text}}, headers=wait)
    if not answer.is_success:
        print(f"refused with {answer.status_code}", file=sys.stderr)
        return None
    if answer.json()["completed_at"] is None:
        answer = await client.get(f"/v1/predictions/{answer.json()['id']}", headers=wait)
    found = answer.json()
    completed_at = found["completed_at"]
    return Ended(
        id=found["id"],
        status=found["status"],
        label=found["output"] and found["output"]["label"],
        attempts=found["attempts"],
        completed_at=datetime.fromisoformat(completed_at).timestamp() if completed_at else float("inf"),
    )


def ends(redis_url: str) -> Counter[str]:
    """Return how many terminal events the stream has for each prediction."""
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        entries = redis.xrange(keys.EVENTS)
    return Counter(fields["id"] for _, fields in entries if fields["type"].startswith("prediction."))
