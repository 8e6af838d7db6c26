"""``rq requeue``: what an operator has run again is run again, and told of as a new end."""

import subprocess
import sys
from pathlib import Path

from redis import Redis

from contract import keys
from contract.labels import answer
from tests.worker.conftest import WEBHOOK, submit_to
from tests.worker.test_queue import expire_leases, stored
from tests.working import Rule, wait_for, working
from worker.batch import Batch, Outcome
from worker.queue import Queue

ANSWER = answer(["negative", "positive"], [0.25, 0.75])


def requeue(redis_server, *arguments: str) -> None:
    command = [
        Path(sys.executable).parent / "rq", "requeue", "--url", redis_server.url, "--queue", "sentiment",
        "--serializer", "json", *arguments,
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)


def fail(queue: Queue) -> None:
    failures = [Outcome(job, None, "no (ValueError)", "prediction_error") for job in queue.claim(8).jobs]
    queue.commit(Batch(failures, "3", 0.1))


def test_a_failed_prediction_is_run_again(queue: Queue, submit, redis_server, redis: Redis) -> None:
    submit("one", webhook=WEBHOOK)
    fail(queue)
    assert stored(redis, "p0000").status == "failed"
    requeue(redis_server, "p0000")
    [job] = queue.claim(8).jobs
    reopened = stored(redis, "p0000")
    assert (reopened.status, reopened.error, reopened.completed_at) == ("processing", None, None)
    assert redis.ttl(keys.prediction("p0000")) == -1, "a record does not expire before its end"
    assert queue.commit(Batch([Outcome(job, ANSWER)], "3", 0.1)) == 1
    ended = stored(redis, "p0000")
    assert (ended.status, ended.error, ended.attempts) == ("succeeded", None, 2)
    types = [fields["type"] for _, fields in redis.xrange(keys.EVENTS)]
    assert types == ["prediction.failed", "prediction.succeeded"]
    assert redis.hget(keys.prediction("p0000"), "reopened") == "1", "its webhook has another id"


def test_one_that_killed_its_workers_starts_from_nothing(queue: Queue, submit, redis_server, redis) -> None:
    submit("killer")
    for _ in range(3):
        queue.claim(1)
        expire_leases(redis)
        queue.reap()
    requeue(redis_server, "--all")
    claimed = queue.claim(8)
    assert len(claimed.jobs) == 1
    assert not claimed.has_suspect
    expire_leases(redis)
    assert queue.reap() == (1, 0), "and has three lives again"


def test_a_worker_finds_what_was_requeued_without_a_bell(redis_server) -> None:
    with working(redis_server.url, Rule()), Redis.from_url(redis_server.url, decode_responses=True) as redis:
        [id] = submit_to(redis_server.url, "poison")
        wait_for(lambda: stored(redis, id).status == "failed")
        requeue(redis_server, "--all")
        wait_for(lambda: stored(redis, id).attempts == 2 and stored(redis, id).status == "failed")


def test_a_result_is_never_run_again(queue: Queue, submit, redis: Redis) -> None:
    submit("one")
    [job] = queue.claim(8).jobs
    queue.commit(Batch([Outcome(job, ANSWER)], "3", 0.1))
    redis.lpush(keys.queue("sentiment"), "p0000")
    redis.hset(keys.job("p0000"), "status", "queued")
    assert queue.claim(8).jobs == []
    assert stored(redis, "p0000").status == "succeeded"
