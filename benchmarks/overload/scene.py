"""One overload: the capacity, then more than that, then what came of it."""

import asyncio
import json
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx2
from redis.asyncio import Redis

from benchmarks import client
from benchmarks.fleet import Fleet, Shape
from benchmarks.overload import arrivals
from benchmarks.overload.arrivals import Schedule
from benchmarks.overload.judging import End, Judgement, judge
from benchmarks.overload.memory import Watch
from benchmarks.rows import STARTER, read
from contract import keys
from contract.registry import DEFAULT_MODEL

#: The limit of the first is HTTP, of the second the worker, as with a large model.
SCENES: Mapping[str, str] = MappingProxyType({"starter model": "1", "model of 5 ms a text": "2"})
#: The closed loop that finds the capacity; fewer at once than may wait.
CONNECTIONS, REQUESTS, WARM_UP, PROBE_S = 64, 20_000, 200, 10.0
#: What was accepted has ended by then, or it is open.
SETTLE_S = 30.0
EVENTS_AT_ONCE = 5_000
#: Between two looks at the stream when there was nothing new.
PAUSE_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line says."""

    seconds: float
    factor: float
    deadline_s: int
    queue_limit: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One overload: capacity and load in texts a second, and what was seen."""

    name: str
    capacity: float
    rate: float
    seconds: float
    judgement: Judgement
    memory: Mapping[str, Sequence[tuple[float, float]]]
    died: Sequence[str]


async def overload(folder: Path, options: Options) -> list[Scene]:
    """Start a service in an empty folder, overload it in every scene, stop it.

    Raises:
        SystemExit: the model could not be trained, or a client failed.
        PartFailed: a part did not come up.
    """
    fleet = Fleet(
        folder,
        Shape(gateways=1, workers=1, fsync="everysec"),
        {"GATEWAY_QUEUE_LIMIT": str(options.queue_limit)},
    )
    say("starting the service, which trains a model ...")
    try:
        await fleet.start()
        await fleet.run("benchmarks.overload.slow_model", DEFAULT_MODEL)
        scenes = []
        for name, version in SCENES.items():
            await fleet.move_alias(version)
            await _serves(fleet, version)
            scenes.append(await _scene(fleet, name, options))
        return scenes
    finally:
        await fleet.stop()


async def _serves(fleet: Fleet, version: str) -> None:
    """Wait until an answer comes from this version."""
    body = {"input": {"text": "ready?"}}
    version_now = ""
    async with httpx2.AsyncClient(base_url=fleet.apis[0], trust_env=False, timeout=70) as http:
        while version_now != version:
            answer = await http.post("/v1/predictions", json=body, headers={"Prefer": "wait"})
            version_now = answer.raise_for_status().json()["version"]


async def _scene(fleet: Fleet, name: str, options: Options) -> Scene:
    texts = [row.text for row in read(STARTER)][:2_000]
    bodies = [json.dumps({"input": {"text": text}}, ensure_ascii=False) for text in texts]
    url = f"{fleet.apis[0]}/v1/predictions"
    probe = client.Load(
        url=url, connections=CONNECTIONS, requests=REQUESTS, warm_up=WARM_UP, bodies=bodies, seconds=PROBE_S
    )
    capacity = (await asyncio.to_thread(client.run, probe)).rate
    rate = options.factor * capacity
    say(f"{name}: {capacity:,.0f} predictions/s at {CONNECTIONS} clients; sending {rate:,.0f}/s ...")
    schedule = Schedule(
        url=url,
        rate=rate,
        seconds=options.seconds,
        seed=options.seed,
        bodies=bodies,
        headers=[f"Cancel-After: {options.deadline_s}s"],
    )
    redis = fleet.redis()
    newest: Any = await redis.xrevrange(keys.EVENTS, count=1)
    watch = Watch(fleet)
    ends = Ends(redis, newest[0][0])
    observing = [asyncio.create_task(watch.run()), asyncio.create_task(ends.run())]
    answers = await arrivals.send(schedule)
    ended = await ends.all_of({answer.id for answer in answers if answer.id})
    for task in observing:
        task.cancel()
    await asyncio.wait(observing)
    await redis.aclose()
    judgement = judge(answers, ended, options.deadline_s)
    return Scene(
        name=name,
        capacity=capacity,
        rate=rate,
        seconds=options.seconds,
        judgement=judgement,
        memory=watch.lines,
        died=[name for name in fleet.children if fleet.pid(name) is None],
    )


class Ends:
    """Reads the stream while the load goes on: it keeps the newest entries only, and more may come.

    Args:
        after: the entry before the first that matters.
    """

    def __init__(self, redis: "Redis", after: str) -> None:
        self.seen: dict[str, End] = {}
        self._redis = redis
        self._after = after

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            if not await self._read():
                await asyncio.sleep(PAUSE_S)

    async def all_of(self, ids: Collection[str]) -> Mapping[str, End]:
        """Wait until all these have ended, or ``SETTLE_S`` are over."""
        deadline = time.monotonic() + SETTLE_S
        while not self.seen.keys() >= set(ids) and time.monotonic() < deadline:  # noqa: ASYNC110 - it fills as events come
            await asyncio.sleep(PAUSE_S)
        return self.seen

    async def _read(self) -> bool:
        entries: Any = await self._redis.xrange(keys.EVENTS, min=f"({self._after}", count=EVENTS_AT_ONCE)
        for self._after, fields in entries:
            subject, _, status = fields["type"].partition(".")
            if subject == "prediction":
                created_at, completed_at = float(fields["created_at"]), float(fields["completed_at"])
                self.seen[fields["id"]] = End(status=status, created_at=created_at, completed_at=completed_at)
        return bool(entries)


def say(sentence: str) -> None:
    """Tell a person how it goes."""
    print(sentence, file=sys.stderr, flush=True)
