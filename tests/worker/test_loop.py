"""The loop and its heartbeat over a real Redis that is killed, and a model that takes its time."""

import time
from datetime import timedelta

import pytest
from redis import Redis
from rq import Worker

from contract import keys
from tests.worker.conftest import submit_to
from tests.working import Rule, wait_for, working
from worker import loop
from worker.registration import Registration


def statuses(url: str, ids: list[str]) -> set[str]:
    with Redis.from_url(url, decode_responses=True) as redis:
        return {redis.hget(keys.prediction(id), "status") for id in ids}


def test_answers_in_batches_what_came_before_and_after_it_started(redis_url: str) -> None:
    model = Rule(0.05)
    before = submit_to(redis_url, *[f"text {number}" for number in range(20)])
    with working(redis_url, model):
        wait_for(lambda: statuses(redis_url, before) == {"succeeded"})
        after = submit_to(redis_url, "late", ids=("q1",))
        wait_for(lambda: statuses(redis_url, after) == {"succeeded"})
    assert [len(batch) for batch in model.batches] == [8, 8, 4, 1]


def test_a_batch_longer_than_its_lease_is_not_taken_away(redis_url: str) -> None:
    model = Rule(2)
    ids = submit_to(redis_url, "patience")
    with working(redis_url, model, lease=timedelta(seconds=0.6)):
        wait_for(lambda: statuses(redis_url, ids) == {"succeeded"})
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        assert redis.hget(keys.prediction(ids[0]), "attempts") == "1"
    assert len(model.batches) == 1


def test_stopping_finishes_the_batch_in_hand(redis_url: str) -> None:
    ids = submit_to(redis_url, "one", "two")
    model = Rule(0.5)
    with working(redis_url, model, batch_size=2):
        wait_for(lambda: model.batches)
    assert statuses(redis_url, ids) == {"succeeded"}


def test_a_redis_that_dies_and_comes_back_loses_nothing(
    redis_server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    model = Rule(0.4)
    ids = submit_to(redis_server.url, *[f"text {number}" for number in range(6)])
    with working(redis_server.url, model, batch_size=2):
        wait_for(lambda: model.batches)
        redis_server.kill()
        time.sleep(1)
        redis_server.start()
        wait_for(lambda: statuses(redis_server.url, ids) == {"succeeded"})
    with Redis.from_url(redis_server.url, decode_responses=True) as redis:
        ended = [fields["id"] for _, fields in redis.xrange(keys.EVENTS)]
    assert sorted(ended) == ids, "each ended once"
    messages = [record.message for record in caplog.records if record.name == loop.__name__]
    assert [message for message in messages if message.startswith("redis")] == ["redis.away", "redis.back"]


def test_a_redis_that_is_full_for_a_while_costs_neither_worker_nor_attempt(redis_server) -> None:
    ids = submit_to(redis_server.url, "one", "two")
    model = Rule(seconds=0.5)
    with Redis.from_url(redis_server.url, decode_responses=True) as redis, working(redis_server.url, model):
        wait_for(lambda: model.batches)
        redis.config_set("maxmemory", 1)
        time.sleep(1)
        assert statuses(redis_server.url, ids) == {"processing"}
        redis.config_set("maxmemory", 0)
        wait_for(lambda: statuses(redis_server.url, ids) == {"succeeded"})
        assert {redis.hget(keys.prediction(id), "attempts") for id in ids} == {"1"}


def test_rq_lists_the_worker_with_its_counts_and_no_longer_when_it_is_gone(redis_url: str) -> None:
    plain = Redis.from_url(redis_url)
    ids = submit_to(redis_url, "one", "two")
    with working(redis_url, Rule()) as registration:
        wait_for(lambda: statuses(redis_url, ids) == {"succeeded"})
        [worker] = Worker.all(connection=plain)
        assert (worker.name, worker.queue_names()) == (registration.name, ["sentiment"])
        assert (worker.get_state(), worker.successful_job_count) == ("idle", 2)
    assert Worker.all(connection=plain) == []


def test_rq_sees_what_a_busy_worker_is_at(redis_url: str) -> None:
    plain = Redis.from_url(redis_url)
    ids = submit_to(redis_url, "one", "two")
    model = Rule(0.5)
    with working(redis_url, model):
        wait_for(lambda: model.batches)
        [worker] = Worker.all(connection=plain)
        assert worker.get_state() == "busy"
        assert {execution.job_id for execution in worker.get_current_executions()} == set(ids)


def test_a_worker_that_redis_forgot_registers_again(redis_url: str) -> None:
    registration = Registration(redis_url, "sentiment")
    registration.announce()
    plain = Redis.from_url(redis_url)
    plain.flushall()
    registration.announce()
    assert [worker.name for worker in Worker.all(connection=plain)] == [registration.name]
