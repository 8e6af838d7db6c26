"""A worker process that is told to stop: once, and again because it takes too long."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from redis import Redis

from contract import keys
from tests.worker.conftest import submit_to
from tests.worker.registering import Mlflow
from tests.worker.test_queue import stored
from tests.working import wait_for

SLOW = "import time; time.sleep(5 if 'slow' in model_input[0] else 0)"
Process = subprocess.Popen[bytes]


@pytest.fixture
def start(mlflow: Mlflow, redis_url: str, tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Start worker processes on a model that takes five seconds over a batch that begins with "slow"."""
    mlflow.promote("sentiment", mlflow.register("sentiment", on_predict=SLOW))
    started = []

    def start(**settings: str) -> Process:
        environment = {
            **os.environ, "REDIS_URL": redis_url, "MLFLOW_TRACKING_URI": mlflow.url,
            "WORKER_CACHE": str(tmp_path), "WORKER_BATCH_SIZE": "2", **settings,
        }  # fmt: skip
        with (tmp_path / "worker.log").open("ab") as log:
            process = subprocess.Popen([sys.executable, "-m", "worker"], env=environment, stderr=log)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def submit_here(redis_url: str) -> Callable[..., list[str]]:
    return partial(submit_to, redis_url)


def leases(redis: Redis) -> int:
    return int(redis.zcard(keys.LEASES))


def test_the_first_finishes_the_batch_and_hands_back_the_rest(start, submit_here, redis_url: str) -> None:
    ids = submit_here("slow one", "two", "three", "four", "five")
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        worker = start()
        wait_for(lambda: leases(redis) == 4)
        worker.terminate()
        assert worker.wait(15) == 0
        assert [stored(redis, id).status for id in ids] == ["succeeded"] * 2 + ["starting"] * 3
        assert redis.lrange(keys.queue("sentiment"), 0, -1) == ids[2:]
        assert leases(redis) == 0


def test_the_second_hands_back_everything_at_once(start, submit_here, redis_url: str) -> None:
    ids = submit_here("slow one", "two", "three", "four", "five")
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        worker = start()
        wait_for(lambda: leases(redis) == 4)
        worker.terminate()
        time.sleep(0.3)
        assert worker.poll() is None, "it finishes its batch"
        begun = time.monotonic()
        worker.terminate()
        assert worker.wait(15) == 0
        assert time.monotonic() - begun < 3, "and no longer"
        assert redis.lrange(keys.queue("sentiment"), 0, -1) == ids
        assert leases(redis) == 0
        assert {stored(redis, id).status for id in ids} == {"starting"}
        assert redis.scard(keys.workers("sentiment")) == 0
        assert redis.hget(keys.prediction(ids[0]), "deaths") is None


def test_hangup_looks_at_the_registry_now(start, submit_here, mlflow: Mlflow, redis_url: str) -> None:
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        worker = start(WORKER_ALIAS_POLL="PT1H")
        [first] = submit_here("one", ids=("a1",))
        wait_for(lambda: stored(redis, first).status == "succeeded")
        new = mlflow.register("sentiment", negative=0.8)
        mlflow.promote("sentiment", new)
        worker.send_signal(signal.SIGHUP)
        texts = iter(range(1000))

        def is_new() -> bool:
            [id] = submit_here("again", ids=(f"b{next(texts):04}",))
            wait_for(lambda: stored(redis, id).status == "succeeded")
            return stored(redis, id).version == new

        wait_for(is_new)
