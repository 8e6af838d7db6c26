"""The loop and its heartbeat over a real Redis that is killed, and a model that takes its time."""

import time
from datetime import timedelta
from functools import partial

import pytest
from redis import Redis
from rq import Worker
from rq.registry import StartedJobRegistry

from contract import jobs, keys
from contract.jobs import Lane
from tests.worker.conftest import submit_to
from tests.working import Rule, wait_for, working
from worker import loop
from worker.registration import Registration


def statuses(url: str, ids: list[str]) -> set[str]:
    with Redis.from_url(url, decode_responses=True) as redis:
        return {redis.hget(keys.prediction(id), "status") for id in ids}


def has_succeeded(url: str, id: str) -> bool:
    return statuses(url, [id]) == {"succeeded"}


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
    with working(redis_url, Rule()) as ours:
        wait_for(lambda: statuses(redis_url, ids) == {"succeeded"})
        [worker] = Worker.all(connection=plain)
        assert (worker.name, worker.queue_names()) == (ours.name, jobs.queue_names("sentiment"))
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
        assert StartedJobRegistry("sentiment", connection=plain).get_job_ids() == ids


def test_a_worker_that_redis_forgot_registers_again(redis_url: str) -> None:
    registration = Registration(redis_url, jobs.queue_names("sentiment"), lambda: "1")
    registration.announce()
    plain = Redis.from_url(redis_url)
    plain.flushall()
    registration.announce()
    assert [worker.name for worker in Worker.all(connection=plain)] == [registration.name]


def test_under_backlog_the_next_batch_is_claimed_while_one_runs(redis_url: str) -> None:
    submit_to(redis_url, *[f"text {number}" for number in range(20)])
    model = Rule(1)
    with working(redis_url, model, batch_size=4), Redis.from_url(redis_url) as redis:
        wait_for(lambda: redis.zcard(keys.LEASES) == 8)
        assert len(model.batches) == 1, "four run, four are in hand"


def test_what_is_in_hand_when_told_to_stop_is_handed_back(redis_url: str) -> None:
    ids = submit_to(redis_url, *[f"text {number}" for number in range(20)])
    model = Rule(1)
    with working(redis_url, model, batch_size=4), Redis.from_url(redis_url) as redis:
        wait_for(lambda: redis.zcard(keys.LEASES) == 8)
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        assert redis.zcard(keys.LEASES) == 0
        assert statuses(redis_url, ids[:4]) == {"succeeded"}
        assert redis.lrange(keys.queue("sentiment"), 0, -1) == ids[4:], "in their old order"
        assert redis.hget(keys.prediction(ids[4]), "deaths") is None


def test_a_batch_waits_for_company_where_there_lately_was_some(redis_url: str) -> None:
    model = Rule(0.3)
    pair = submit_to(redis_url, "one", "two")
    with working(redis_url, model, batch_size=2, patience_s=10):
        wait_for(lambda: statuses(redis_url, pair) == {"succeeded"})
        first = submit_to(redis_url, "three", ids=("q1",))
        time.sleep(0.2)
        second = submit_to(redis_url, "four", ids=("q2",))
        wait_for(lambda: statuses(redis_url, first + second) == {"succeeded"})
    assert model.batches[-1] == ["three", "four"]


def test_a_text_alone_after_a_text_alone_is_not_kept_waiting(redis_url: str) -> None:
    with working(redis_url, Rule(), patience_s=5):
        for id in ("q1", "q2", "q3"):
            submit_to(redis_url, "alone", ids=(id,))
            wait_for(partial(has_succeeded, redis_url, id), seconds=4)


def test_a_text_that_cannot_be_encoded_fails_alone(redis_url: str) -> None:
    ids = submit_to(redis_url, "fine", "unreadable", "fine")
    with working(redis_url, Rule()):
        wait_for(lambda: statuses(redis_url, ids) == {"succeeded", "failed"})
    assert statuses(redis_url, [ids[0], ids[2]]) == {"succeeded"}


def test_explanations_take_turns_with_a_backlog_and_share_no_batch(redis_url: str) -> None:
    ids = submit_to(redis_url, *[f"text {number}" for number in range(40)])
    asides = submit_to(
        redis_url, "why one", "why two", ids=("e1", "e2"), lane=Lane.EXPLAIN, options={"explain": True}
    )
    model = Rule(0.05)
    with working(redis_url, model, batch_size=4):
        wait_for(lambda: statuses(redis_url, ids + asides) == {"succeeded"})
    assert model.batches.index(["why one"]) < len(model.batches) - 3, "not behind the whole backlog"
    assert ["why two"] in model.batches


def test_what_was_encoded_before_a_swap_is_encoded_anew(redis_url: str) -> None:
    serving: list[Rule] = [Rule(0.4)]
    ids = submit_to(redis_url, *[f"text {number}" for number in range(8)])
    with working(redis_url, lambda: serving[-1], batch_size=4):
        wait_for(lambda: serving[0].batches)
        new = Rule()
        new.version = "2"
        serving.append(new)
        wait_for(lambda: statuses(redis_url, ids) == {"succeeded"})
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        assert [redis.hget(keys.prediction(id), "version") for id in ids] == ["1"] * 4 + ["2"] * 4
    assert new.encoded == [f"text {number}" for number in range(4, 8)], "once, by the version that answers"


def test_the_figures_tell_why_batches_ran_and_how_long_it_took(redis_url: str) -> None:
    ids = submit_to(redis_url, *[f"text {number}" for number in range(10)], "poison")
    with working(redis_url, Rule(0.1), batch_size=8) as worker:
        wait_for(lambda: statuses(redis_url, ids) == {"succeeded", "failed"})
    figures = worker.metrics.registry.get_sample_value
    assert figures("barometer_worker_predictions_total", {"status": "succeeded"}) == 10
    assert figures("barometer_worker_failures_total", {"reason": "prediction_error"}) == 1
    assert figures("barometer_worker_releases_total", {"reason": "jobs"}) == 1
    assert figures("barometer_worker_releases_total", {"reason": "empty"}) == 1
    assert figures("barometer_worker_batch_size_sum") == 11
    for name in ("queue", "total"):
        assert figures(f"barometer_worker_{name}_seconds_count") == 11
    assert figures("barometer_worker_total_seconds_sum") > 11 * 0.1
    assert figures("barometer_worker_leases") == 0


def test_a_script_that_redis_forgot_is_loaded_again(redis_url: str) -> None:
    with working(redis_url, Rule()), Redis.from_url(redis_url) as redis:
        first = submit_to(redis_url, "one", ids=("q1",))
        wait_for(lambda: statuses(redis_url, first) == {"succeeded"})
        redis.script_flush()
        second = submit_to(redis_url, "two", ids=("q2",))
        wait_for(lambda: statuses(redis_url, second) == {"succeeded"})


def test_a_connection_cut_in_the_middle_of_an_exchange_loses_nothing(redis_url: str) -> None:
    ids = submit_to(redis_url, *[f"text {number}" for number in range(200)])
    with (
        working(redis_url, Rule(0.02), batch_size=4, lease=timedelta(seconds=1)),
        Redis.from_url(redis_url, decode_responses=True) as redis,
    ):
        while statuses(redis_url, ids) != {"succeeded"}:
            redis.client_kill_filter(_type="normal", skipme=True)
            time.sleep(0.15)
        ended = [fields["id"] for _, fields in redis.xrange(keys.EVENTS)]
    assert sorted(ended) == ids, "each ended once"
