"""RQ's own worker on our queue, alone and beside ours."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis
from rq import Worker

from contract import keys
from tests.conftest import RedisServer, serve
from tests.end_to_end import texts
from tests.end_to_end.barometer import REPOSITORY, Barometer, ends, environment
from tests.gateway.conftest import Gateway, running
from tests.working import wait_for

QUEUE = "sentiment"
STOCK = (
    str(Path(sys.prefix) / "bin" / "rq"), "worker", QUEUE,
    "--worker-class", "rq.worker.SimpleWorker", "--serializer", "rq.serializers.JSONSerializer",
)  # fmt: skip


class Place:
    """A gateway on a Redis of its own, and workers as a test wants them."""

    def __init__(self, server: RedisServer, gateway: Gateway, mlflow: str, folder: Path) -> None:
        self.gateway, self.folder = gateway, folder
        self.redis = Redis.from_url(server.url, decode_responses=True)
        self.settings = {"REDIS_URL": server.url, "MLFLOW_TRACKING_URI": mlflow}
        self.stock = (*STOCK, "--url", server.url)

    @contextmanager
    def worker(self, name: str, *arguments: str, **settings: str) -> Iterator["subprocess.Popen[bytes]"]:
        """A worker process, stopped in the end; its lines are in a file of that name."""
        # In the repository, so that RQ finds the function that a job names.
        with (self.folder / name).open("w") as log:
            process = subprocess.Popen(
                arguments,
                env=environment(**self.settings, **settings),
                cwd=REPOSITORY,
                stdout=log,
                stderr=log,
            )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)

    def create(self, sent: list[str]) -> list[str]:
        return [self.gateway.create(text).json()["id"] for text in sent]

    def ended(self, ids: list[str]) -> list[dict]:
        return [self.gateway.get(id, prefer="wait").json() for id in ids]

    def books(self) -> dict[str, int]:
        """How many jobs RQ's registries count, and leases ours."""
        sets = {
            "started": keys.started(QUEUE),
            "finished": keys.finished(QUEUE),
            "failed": keys.failed(QUEUE),
            "leases": keys.LEASES,
        }
        counts = {name: self.redis.zcard(key) for name, key in sets.items()}
        return {"queued": self.redis.llen(keys.queue(QUEUE)), **counts}


@pytest.fixture
def place(barometer: Barometer, tmp_path: Path) -> Iterator[Place]:
    for server in serve("embedded"):
        with running(server.url, tmp_path / "gateway.log") as gateway:
            made = Place(server, gateway, barometer.mlflow, tmp_path)
            yield made
            made.redis.close()


def test_a_stock_rq_worker_drains_the_queue_with_the_same_answers(place: Place, barometer: Barometer) -> None:
    sent = texts.starter(30, skip=2000)
    ids = place.create(sent)
    with place.worker("stock", *place.stock, "--burst") as stock:
        assert stock.wait(60) == 0, (place.folder / "stock").read_text()
    ended = place.ended(ids)
    assert {prediction["status"] for prediction in ended} == {"succeeded"}
    ours = [barometer.create(text, prefer="wait") for text in sent]
    for stock_s, our_s in zip(ended, ours, strict=True):
        assert stock_s["output"]["label"] == our_s["output"]["label"]
        assert stock_s["output"]["score"] == pytest.approx(our_s["output"]["score"], abs=1e-9, rel=0)
        assert stock_s["version"] == our_s["version"]
    assert place.books() == {"queued": 0, "started": 0, "finished": 30, "failed": 0, "leases": 0}
    assert set(ends(place.redis).values()) == {1}
    assert not any(text in (place.folder / "stock").read_text() for text in sent)


def test_a_stock_worker_and_ours_share_a_queue_and_every_prediction_ends_once(place: Place) -> None:
    sent = texts.starter(120, skip=3000)
    # One at a time, so that ours does not take all of the queue at once.
    with (
        place.worker("ours", sys.executable, "-m", "worker", WORKER_BATCH_SIZE="1"),
        place.worker("stock", *place.stock),
        Redis.from_url(place.settings["REDIS_URL"]) as connection,
    ):
        wait_for(lambda: Worker.count(connection) == 2)
        ids = place.create(sent)
        ended = place.ended(ids)
        wait_for(lambda: place.books()["finished"] == len(sent))
        done = [worker.successful_job_count for worker in Worker.all(connection)]
    assert {prediction["status"] for prediction in ended} == {"succeeded"}
    assert min(done) >= 1, "one of them did nothing"
    assert sum(done) == len(sent)
    assert ends(place.redis) == dict.fromkeys(ids, 1)
    assert place.books() == {"queued": 0, "started": 0, "finished": 120, "failed": 0, "leases": 0}
