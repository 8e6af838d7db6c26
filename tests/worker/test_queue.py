"""Claim, commit, extend and reap, on every kind of server we support."""

import subprocess
from datetime import timedelta

import pytest
from redis import Redis
from rq.job import Job as RqJob
from rq.serializers import JSONSerializer

from contract import jobs, keys
from contract.labels import answer
from tests.records import Prediction
from tests.worker.conftest import WEBHOOK
from worker.batch import Batch, Job, Outcome
from worker.queue import Queue

ANSWER = answer(["negative", "positive"], [0.25, 0.75])


def answered(*claimed: Job) -> Batch:
    return Batch([Outcome(job, ANSWER) for job in claimed], version="3", inference_s=0.004)


def stored(redis: Redis, id: str) -> Prediction:
    return Prediction.from_hash(id, redis.hgetall(keys.prediction(id)))


def expire_leases(redis: Redis) -> None:
    """What six seconds of silence do."""
    for member in redis.zrange(keys.LEASES, 0, -1):
        redis.zadd(keys.LEASES, {member: 1})


def ended(redis: Redis) -> list[tuple[str, str]]:
    return [(fields["id"], fields["type"]) for _, fields in redis.xrange(keys.EVENTS)]


def test_claims_in_order_up_to_the_budget(queue: Queue, submit, redis: Redis) -> None:
    submit("one", "two", "three")
    assert [job.text for job in queue.claim(2).jobs] == ["one", "two"]
    assert [stored(redis, id).status for id in ("p0000", "p0001", "p0002")] == [
        "processing", "processing", "starting",
    ]  # fmt: skip
    assert [job.text for job in queue.claim(2).jobs] == ["three"]
    assert not queue.claim(2).jobs


def test_a_commit_writes_result_event_and_outbox_together(queue: Queue, submit, redis: Redis) -> None:
    submit("fine", webhook=WEBHOOK)
    assert queue.commit(answered(*queue.claim(8).jobs)) == 1

    prediction = stored(redis, "p0000")
    assert prediction.status == "succeeded"
    assert prediction.output == ANSWER.output()
    assert (prediction.version, prediction.attempts, prediction.batch_size) == ("3", 1, 1)
    assert prediction.created_at <= prediction.started_at <= prediction.completed_at
    [(_, event)] = redis.xrange(keys.EVENTS)
    assert (event["type"], event["id"], event["label"], event["webhook"]) == (
        "prediction.succeeded", "p0000", "positive", "1",
    )  # fmt: skip
    assert "fine" not in str(event)
    assert redis.zrange(keys.OUTBOX, 0, -1) == ["p0000"]
    assert 0 < redis.ttl(keys.prediction("p0000")) <= jobs.RETENTION.total_seconds()
    assert redis.zcard(keys.LEASES) == 0


def test_a_commit_repeated_after_a_lost_answer_changes_nothing(queue: Queue, submit, redis: Redis) -> None:
    submit("fine", webhook=WEBHOOK)
    batch = answered(*queue.claim(8).jobs)
    assert [queue.commit(batch), queue.commit(batch)] == [1, 0]
    assert ended(redis) == [("p0000", "prediction.succeeded")]


def test_a_worker_that_wakes_up_late_finds_its_fence_void(queue: Queue, submit, redis: Redis) -> None:
    submit("fine")
    paused = queue.claim(8).jobs
    expire_leases(redis)
    assert queue.reap() == (1, 0)
    assert queue.commit(answered(*paused)) == 0, "back in the queue, it is nobody's"
    other = Queue(redis, "sentiment", "worker-2")
    taken = other.claim(8).jobs
    assert queue.commit(answered(*paused)) == 0, "now it is another's"
    assert other.commit(answered(*taken)) == 1
    assert queue.commit(answered(*paused)) == 0, "now it has ended"
    assert ended(redis) == [("p0000", "prediction.succeeded")]
    assert stored(redis, "p0000").attempts == 2


def test_what_is_taken_back_keeps_its_place_in_the_queue(queue: Queue, submit, redis: Redis) -> None:
    submit("one", "two", "three", "four")
    assert len(queue.claim(3).jobs) == 3
    expire_leases(redis)
    assert queue.reap() == (3, 0)
    claims = [[job.text for job in queue.claim(8).jobs] for _ in range(5)]
    assert claims == [["one"], ["two"], ["three"], ["four"], []], "and each runs alone: it may have killed"


def test_a_text_that_kills_its_worker_three_times_fails_with_that_reason(
    queue: Queue, submit, redis: Redis
) -> None:
    submit("poison", webhook=WEBHOOK)
    for death in range(1, 4):
        assert len(queue.claim(8).jobs) == 1
        expire_leases(redis)
        assert queue.reap() == ((1, 0) if death < 3 else (0, 1))
    prediction = stored(redis, "p0000")
    assert (prediction.status, prediction.error_code) == ("failed", "worker_died")
    assert prediction.error == "the worker died 3 times on it"
    assert ended(redis) == [("p0000", "prediction.failed")]
    assert redis.zrange(keys.OUTBOX, 0, -1) == ["p0000"]
    assert redis.zrange(keys.failed("sentiment"), 0, -1) == ["p0000"]
    assert not queue.claim(8).jobs


def test_an_extended_lease_is_not_taken_back_and_a_lost_one_not_extended(
    queue: Queue, submit, redis: Redis
) -> None:
    submit("slow", "lost")
    slow, lost = queue.claim(8).jobs
    expire_leases(redis)
    assert queue.extend([slow.lease]) == 1
    assert queue.reap() == (1, 0)
    assert queue.extend([slow.lease, lost.lease]) == 1
    assert queue.commit(answered(slow, lost)) == 1


def test_a_failed_outcome_names_its_error_and_lies_in_the_failed_registry(
    queue: Queue, submit, redis: Redis
) -> None:
    submit("good", "bad")
    good, bad = queue.claim(8).jobs
    batch = Batch(
        [Outcome(good, ANSWER), Outcome(bad, None, "no (ValueError)", "prediction_error")], "3", 0.1
    )
    assert queue.commit(batch) == 2
    prediction = stored(redis, "p0001")
    assert (prediction.status, prediction.error, prediction.error_code) == (
        "failed", "no (ValueError)", "prediction_error",
    )  # fmt: skip
    assert redis.zrange(keys.failed("sentiment"), 0, -1) == ["p0001"]
    assert redis.zrange(keys.finished("sentiment"), 0, -1) == ["p0000"]


def test_what_was_canceled_while_it_waited_is_passed_over(queue: Queue, submit, redis: Redis) -> None:
    submit("gone", "here")
    redis.hset(keys.prediction("p0000"), "status", "canceled")
    assert [job.text for job in queue.claim(8).jobs] == ["here"]


def test_a_stale_id_in_the_queue_does_not_disturb_the_job_that_runs(
    queue: Queue, submit, redis: Redis
) -> None:
    submit("once")
    redis.rpush(keys.queue("sentiment"), "p0000")
    [job] = queue.claim(8).jobs
    assert redis.exists(keys.job("p0000"))
    assert queue.commit(answered(job)) == 1


def test_the_doorbell_rings_once_for_many_and_again_for_those_left(
    queue: Queue, submit, redis: Redis
) -> None:
    submit("one", "two", "three")
    assert redis.llen(keys.doorbell("sentiment")) == 1
    queue.wait(timedelta(seconds=5))
    assert redis.llen(keys.doorbell("sentiment")) == 0
    queue.claim(2)
    assert redis.llen(keys.doorbell("sentiment")) == 1
    queue.wait(timedelta(seconds=5))
    queue.claim(2)
    assert redis.llen(keys.doorbell("sentiment")) == 0


@pytest.mark.parametrize("text", ["😀 déjà-vu", "שלום", "a\u2028b\x85c", '"quoted" \\ back', "x" * 50_000])
def test_texts_arrive_as_they_were_sent(queue: Queue, submit, text: str) -> None:
    submit(text)
    assert [job.text for job in queue.claim(1).jobs] == [text]


def test_rq_sees_the_truth_at_every_step(queue: Queue, submit, redis_server) -> None:
    def info() -> str:
        command = ["rq", "info", "--raw", "--only-queues", "--url", redis_server.url]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def status(id: str) -> str:
        with Redis.from_url(redis_server.url) as plain:
            return RqJob.fetch(id, connection=plain, serializer=JSONSerializer).get_status()

    submit("one", "two", "three")
    assert info() == "queue sentiment 3, 0 executing, 0 finished, 0 failed"
    one, two = queue.claim(2).jobs
    assert info() == "queue sentiment 1, 2 executing, 0 finished, 0 failed"
    assert (status(one.id), status("p0002")) == ("started", "queued")
    queue.commit(Batch([Outcome(one, ANSWER), Outcome(two, None, "no", "prediction_error")], "3", 0.1))
    assert info() == "queue sentiment 1, 0 executing, 1 finished, 1 failed"
    assert (status(one.id), status(two.id)) == ("finished", "failed")


def test_registries_forget_what_has_expired(queue: Queue, submit, redis: Redis) -> None:
    submit("old", "new")
    queue.commit(answered(*queue.claim(8).jobs))
    redis.zadd(keys.finished("sentiment"), {"p0000": 1})
    redis.zadd(keys.failed("sentiment"), {"older": 1})
    queue.reap()
    assert redis.zrange(keys.finished("sentiment"), 0, -1) == ["p0001"]
    assert redis.zrange(keys.failed("sentiment"), 0, -1) == []
