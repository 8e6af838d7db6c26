"""Clocks that are wrong and jump: only Redis' own time decides leases, order and times."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest
from redis import Redis

from contract import keys
from tests.end_to_end.barometer import ends
from tests.gateway.conftest import free_port
from tests.scale.clocks import Clock, shim
from tests.scale.services import Service, all_say, service
from tests.working import wait_for

#: Further apart than any lease is long.
AHEAD_S, BEHIND_S, JUMP_S = 90, -75, -3600


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return shim(tmp_path)


def test_the_shim_moves_a_process_s_wall_clock_and_not_its_monotonic_one(
    library: Path, tmp_path: Path
) -> None:
    clock = Clock(library, tmp_path / "offset", AHEAD_S)
    code = "import time, datetime as d; print(time.time(), d.datetime.now().timestamp(), time.monotonic())"
    environment = {**os.environ, **clock.settings}
    told = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    wall, today, monotonic = map(float, told.stdout.split())
    assert wall == pytest.approx(time.time() + AHEAD_S, abs=30)
    assert today == pytest.approx(wall, abs=1)
    assert monotonic == pytest.approx(time.monotonic(), abs=30)


class Place:
    """A gateway whose clock is right, and two workers whose clocks are minutes apart."""

    def __init__(self, stack: ExitStack, redis_url: str, mlflow: str, library: Path, folder: Path) -> None:
        port = free_port()
        self.redis = Redis.from_url(redis_url, decode_responses=True)
        self.http = httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=70, trust_env=False)
        settings = {"REDIS_URL": redis_url, "MLFLOW_TRACKING_URI": mlflow}
        gateway = stack.enter_context(
            service(folder / "gateway.log", "gateway", GATEWAY_PORT=str(port), **settings)
        )
        self.clocks = [Clock(library, folder / f"offset{s}", s) for s in (AHEAD_S, BEHIND_S)]
        self.workers: list[Service] = [
            stack.enter_context(
                service(
                    folder / f"worker{number}.log",
                    "worker",
                    WORKER_BATCH_SIZE="4",
                    **settings,
                    **clock.settings,
                )
            )
            for number, clock in enumerate(self.clocks)
        ]
        all_say({gateway: "gateway.ready"} | dict.fromkeys(self.workers, "worker.ready"))

    def create(self, text: str) -> str:
        return (
            self.http.post("/v1/predictions", json={"input": {"text": text}}).raise_for_status().json()["id"]
        )

    def ended(self, ids: list[str]) -> list[dict[str, str]]:
        def ended(id: str) -> dict[str, str]:
            self.http.get(f"/v1/predictions/{id}", headers={"Prefer": "wait"}).raise_for_status()
            return self.redis.hgetall(keys.prediction(id))

        with ThreadPoolExecutor(4) as waiting:
            return list(waiting.map(ended, ids))

    def holders(self) -> set[str]:
        """The pids of workers that hold something."""
        ids = [lease.rpartition(":")[0] for lease in self.redis.zrange(keys.LEASES, 0, -1)]
        names = (self.redis.hget(keys.job(id), "worker_name") or ".." for id in ids)
        return {name.split(".")[-2] for name in names}


@pytest.fixture
def place(redis_url: str, mlflow: str, library: Path, tmp_path: Path) -> Iterator[Place]:
    with ExitStack() as stack:
        made = Place(stack, redis_url, mlflow, library, tmp_path)
        yield made
        made.http.close()
        made.redis.close()


def test_workers_minutes_apart_take_nothing_from_each_other_even_when_a_clock_jumps(place: Place) -> None:
    """A lease judged by a worker's own clock would be over, or never over, and repeat or lose work."""
    begun = now(place.redis)
    ids = [place.create(f"slow text {number}") for number in range(48)]
    wait_for(lambda: len(place.holders()) == 2)
    # The one that is ahead has looked for overdue leases by then.
    wait_for(lambda: place.redis.xlen(keys.EVENTS) > 36)
    place.clocks[0].set(JUMP_S)
    ended = place.ended(ids)
    assert {prediction["status"] for prediction in ended} == {"succeeded"}
    assert {prediction["attempts"] for prediction in ended} == {"1"}
    for prediction in ended:
        stored = (float(prediction[name]) for name in ("created_at", "started_at", "completed_at"))
        times = (begun, *stored, now(place.redis))
        assert list(times) == sorted(times)

    # The one that is behind notices within seconds that the other one is dead.
    dead, alive = place.workers
    ids = [place.create(f"slow text {number}") for number in range(12)]
    wait_for(lambda: str(dead.process.pid) in place.holders())
    os.kill(dead.process.pid, signal.SIGKILL)
    killed = now(place.redis)
    again = [prediction for prediction in place.ended(ids) if int(prediction["attempts"]) > 1]
    assert again
    assert max(float(prediction["started_at"]) for prediction in again) - killed < 10
    assert set(ends(place.redis).values()) == {1}
    assert alive.stop() == 0


def now(redis: Redis) -> float:
    seconds, microseconds = redis.time()
    return seconds + microseconds / 1e6
