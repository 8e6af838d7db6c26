"""``python -m worker status`` tells the truth, with and without workers."""

import os
import subprocess
import sys

from redis import Redis

from contract.jobs import Lane
from tests.worker.conftest import submit_to
from tests.working import Rule, wait_for, working
from worker.status import queues, workers


def printed(url: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "worker", "status"],
        env={**os.environ, "REDIS_URL": url, "COLUMNS": "160", "NO_COLOR": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_it_counts_what_waits_runs_and_ended(redis_url: str) -> None:
    submit_to(redis_url, "one", "poison", "three", ids=("a1", "a2", "a3"))
    submit_to(redis_url, "later", ids=("b1",), lane=Lane.BULK)
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        lines = {line.name: line for line in queues(redis, "sentiment")}
        assert (lines["sentiment"].waiting, lines["sentiment:bulk"].waiting) == (3, 1)
        assert lines["sentiment"].oldest_s > 0 == lines["sentiment:high"].oldest_s
        assert workers(redis, "sentiment") == []
        with working(redis_url, Rule()) as worker:
            wait_for(lambda: queues(redis, "sentiment")[1].finished == 2)
            wait_for(lambda: queues(redis, "sentiment")[2].finished == 1)
            assert queues(redis, "sentiment")[1].failed == 1
            wait_for(lambda: [line.state for line in workers(redis, "sentiment")] == ["idle"])
            [line] = workers(redis, "sentiment")
            assert (line.name, line.version, line.succeeded, line.failed) == (worker.name, "1", 3, 1)


def test_it_prints_tables_and_never_a_text(redis_url: str) -> None:
    submit_to(redis_url, "quokkaberry")
    done = printed(redis_url)
    assert done.returncode == 0, done.stderr
    for said in ("Queues of sentiment", "sentiment:high", "sentiment:explain", "No worker holds 'sentiment'"):
        assert said in done.stdout
    assert "quokkaberry" not in done.stdout


def test_it_says_in_one_sentence_that_redis_is_away() -> None:
    done = printed("redis://127.0.0.1:1/0")
    assert done.returncode == 1
    assert done.stderr.startswith("worker: Redis does not answer")
    assert len(done.stderr.splitlines()) == 1
