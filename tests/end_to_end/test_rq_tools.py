"""RQ's own tools look at the queue: what they show is true, and no text is in it."""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from contract import jobs
from tests.end_to_end.barometer import Barometer, environment
from tests.gateway.conftest import free_port
from tests.working import wait_for

BIN = Path(sys.prefix) / "bin"
CANARY = "The quokkaberry marmalade at breakfast was splendid."


@dataclass(frozen=True)
class Info:
    """What ``rq info --raw`` prints of one queue, and its lines about workers."""

    waiting: int
    executing: int
    finished: int
    failed: int
    workers: list[str]


def info(barometer: Barometer) -> Info:
    done = subprocess.run(
        [BIN / "rq", "info", "--raw", "--url", barometer.redis_url],
        capture_output=True,
        text=True,
        check=True,
        env=environment(),
    )
    queue = re.search(
        r"^queue sentiment (\d+), (\d+) executing, (\d+) finished, (\d+) failed$", done.stdout, re.MULTILINE
    )
    assert queue, done.stdout
    workers = [line for line in done.stdout.splitlines() if line.startswith("worker ")]
    return Info(*map(int, queue.groups()), workers)


def test_rq_info_tells_the_truth(barometer: Barometer) -> None:
    # RQ knows a queue from its first job on.
    barometer.create(CANARY, prefer="wait")
    # A killed worker's entry expires by itself, within ten seconds.
    wait_for(lambda: len(info(barometer).workers) == 1)
    before = info(barometer)
    assert (before.waiting, before.executing) == (0, 0)
    with barometer.worker_paused():
        ids = [barometer.create(CANARY)["id"] for _ in range(3)]
        waiting = info(barometer)
    assert (waiting.waiting, waiting.executing) == (3, 0)
    assert (waiting.finished, waiting.failed) == (before.finished, before.failed)
    assert {barometer.ended(id)["status"] for id in ids} == {"succeeded"}
    after = info(barometer)
    assert (after.waiting, after.executing) == (0, 0)
    assert (after.finished, after.failed) == (before.finished + 3, before.failed)
    [worker] = after.workers
    assert f" {barometer.worker()})" in worker
    assert " idle sentiment:high, sentiment, sentiment:bulk, sentiment:explain." in worker
    assert done_by(worker) == done_by(before.workers[0]) + 3


def done_by(worker: str) -> int:
    found = re.search(r"jobs: (\d+) finished, 0 failed", worker)
    assert found, worker
    return int(found[1])


@pytest.fixture
def dashboard(barometer: Barometer, tmp_path: Path) -> Iterator[httpx2.Client]:
    """rq-dashboard on the queue, on loopback: it asks nobody for a password."""
    port = free_port()
    arguments = ["--bind", "127.0.0.1", "--port", str(port), "--json", "--redis-url", barometer.redis_url]
    with (tmp_path / "dashboard.log").open("w") as log:
        process = subprocess.Popen(
            [BIN / "rq-dashboard", *arguments], stdout=log, stderr=log, env=environment(), cwd=tmp_path
        )
    client = httpx2.Client(
        base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False, follow_redirects=True
    )

    def answers() -> bool:
        assert process.poll() is None, (tmp_path / "dashboard.log").read_text()
        try:
            return client.get("/").is_success
        except httpx2.TransportError:
            return False

    try:
        wait_for(answers)
        yield client
    finally:
        client.close()
        process.terminate()
        process.wait(10)


def test_rq_dashboard_shows_queue_worker_and_job_but_no_text(
    barometer: Barometer, dashboard: httpx2.Client
) -> None:
    with barometer.worker_paused() as pid:
        id = barometer.create(CANARY)["id"]
        pages = {
            path: dashboard.get(path)
            for path in (
                "/0/view/queues",
                "/0/data/queues.json",
                "/0/view/workers",
                "/0/data/workers.json",
                "/0/view/jobs/sentiment/queued/8/asc/1",
                "/0/data/jobs/sentiment/queued/8/asc/1.json",
                f"/0/view/job/{id}",
                f"/0/data/job/{id}.json",
            )
        }
    assert {path: page.status_code for path, page in pages.items()} == dict.fromkeys(pages, 200)
    assert "quokkaberry" not in "".join(page.text for page in pages.values())
    queues = {queue["name"]: queue for queue in pages["/0/data/queues.json"].json()["queues"]}
    assert (queues["sentiment"]["count"], queues["sentiment"]["started_job_registry_count"]) == (1, 0)
    workers = {worker["pid"]: worker for worker in pages["/0/data/workers.json"].json()["workers"]}
    assert workers[pid]["queues"] == jobs.queue_names("sentiment")
    [job] = pages["/0/data/jobs/sentiment/queued/8/asc/1.json"].json()["jobs"]
    assert job["id"] == id
    assert barometer.ended(id)["status"] == "succeeded"
