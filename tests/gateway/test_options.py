"""What a client may ask beside the answer: a deadline, an explanation, fewer labels, a place in the queue."""

import time
from datetime import datetime

import httpx2
import pytest
from redis import Redis

from contract import jobs, keys
from contract.jobs import Lane
from tests.gateway.conftest import Gateway, Start, running
from tests.gateway.test_predictions import FINE
from tests.working import Rule, wait_for, working


def create(gateway: Gateway, cancel_after: str, text: str = FINE) -> httpx2.Response:
    return gateway.http.post(
        "/v1/predictions", json={"input": {"text": text}}, headers={"Cancel-After": cancel_after}
    )


def lasted(prediction: dict[str, str]) -> float:
    """Seconds from creation to end, by Redis' clock."""
    created, completed = (datetime.fromisoformat(prediction[at]) for at in ("created_at", "completed_at"))
    return (completed - created).total_seconds()


def ask(gateway: Gateway, text: str, **options: object) -> dict[str, object]:
    answer = gateway.http.post(
        "/v1/predictions", json={"input": {"text": text, **options}}, headers={"Prefer": "wait"}
    )
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_a_deadline_is_kept_when_nobody_works(gateway: Gateway, redis_url: str) -> None:
    id = create(gateway, "2s").json()["id"]
    ended = gateway.get(id, prefer="wait=10").json()
    assert (ended["status"], ended["cancel_reason"]) == ("canceled", "deadline")
    assert 2 <= lasted(ended) <= 3
    assert Redis.from_url(redis_url).llen(keys.queue("sentiment")) == 0


def test_deadlines_are_kept_while_a_long_batch_runs(gateway: Gateway, redis_url: str) -> None:
    model = Rule(seconds=4)
    with working(redis_url, model, batch_size=1):
        running_id = create(gateway, "2s", "the one that runs").json()["id"]
        wait_for(lambda: model.batches)
        waiting_id = create(gateway, "1s", "the one that waits").json()["id"]
        waiting = gateway.get(waiting_id, prefer="wait=10").json()
        stuck = gateway.get(running_id, prefer="wait=10").json()
    for ended, asked in ((waiting, 1), (stuck, 2)):
        assert (ended["status"], ended["cancel_reason"]) == ("canceled", "deadline")
        assert asked <= lasted(ended) <= asked + 1
    assert gateway.get(running_id).json() == stuck, "the late result changed nothing"
    assert model.batches == [["the one that runs"]]


def test_a_prediction_in_time_is_not_canceled(gateway: Gateway, redis_url: str) -> None:
    with working(redis_url, Rule()):
        id = create(gateway, "1s").json()["id"]
        time.sleep(2)
        assert gateway.get(id).json()["status"] == "succeeded"
    assert Redis.from_url(redis_url).zcard(keys.DEADLINES) == 0


@pytest.mark.parametrize("header", ["", "5", "5 minutes", "0s", "-1s", "25h", "1.5s", "5M", "9" * 7 + "s"])
def test_a_deadline_that_is_none_is_400(gateway: Gateway, header: str) -> None:
    answer = create(gateway, header)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_header")
    assert "'30s', '5m' or '1h'" in answer.json()["detail"]


@pytest.mark.parametrize("priority", ["high", "default", "bulk"])
def test_a_priority_is_a_queue_of_its_own(start: Start, apart_url: str, priority: str) -> None:
    with start() as gateway:
        assert gateway.create(FINE, priority=priority).status_code == 202
    redis = Redis.from_url(apart_url)
    lengths = {lane: redis.llen(keys.queue(jobs.queue_name("sentiment", lane))) for lane in Lane}
    assert lengths == {lane: int(lane == priority) for lane in Lane}


def test_an_unknown_priority_names_its_field(gateway: Gateway) -> None:
    answer = gateway.create(FINE, priority="urgent")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "#/priority"


def test_an_explanation_comes_with_the_answer_and_outside_the_batch(gateway: Gateway, redis_url: str) -> None:
    model = Rule()
    with working(redis_url, model):
        ended = ask(gateway, "good", explain=True)
    assert ended["status"] == "succeeded"
    assert ended["input"] == {"text": "good", "explain": True}
    assert ended["output"]["explanation"] == [{"token": "good", "start": 0, "end": 4, "weight": 1.0}]  # type: ignore[index]


def test_as_many_labels_as_asked(gateway: Gateway, redis_url: str) -> None:
    with working(redis_url, Rule()):
        assert len(ask(gateway, "good", top_k=1)["output"]["scores"]) == 1  # type: ignore[index]
        assert len(ask(gateway, "good", top_k=5)["output"]["scores"]) == 2  # type: ignore[index]


def test_a_text_longer_than_the_model_reads_is_cut_and_said_so_or_refused(
    gateway: Gateway, redis_url: str
) -> None:
    with working(redis_url, Rule(limit=10)):
        cut = ask(gateway, "much longer than ten")
        assert (cut["status"], cut["is_truncated"]) == ("succeeded", True)
        whole = ask(gateway, "short", truncate=False)
        assert (whole["status"], whole["is_truncated"]) == ("succeeded", False)
        refused = ask(gateway, "much longer than ten", truncate=False)
        assert (refused["status"], refused["error_code"]) == ("failed", "text_too_long")


def test_a_queue_that_is_full_of_text_is_503(start: Start, apart_url: str) -> None:
    with start(GATEWAY_QUEUE_SIZE="1000") as gateway:
        codes = [gateway.create("x" * 400).status_code for _ in range(4)]
        assert codes == [202, 202, 503, 503]
        assert gateway.create("short").status_code == 202, "there is room for a small one"
    assert len(Redis.from_url(apart_url).keys(keys.prediction("*"))) == 3


def test_one_text_larger_than_the_bound_is_taken_by_an_empty_queue(start: Start) -> None:
    with start(GATEWAY_QUEUE_SIZE="100") as gateway:
        assert [gateway.create("x" * 400).status_code for _ in range(2)] == [202, 503]


def test_a_redis_that_is_nearly_full_takes_no_more_but_ends_what_it_has(redis_server, tmp_path) -> None:
    redis = Redis.from_url(redis_server.url, decode_responses=True)
    with running(redis_server.url, tmp_path / "gateway.log") as gateway:
        id = gateway.create(FINE).json()["id"]
        for number in range(100):
            redis.set(f"ballast:{number}", "x" * 500_000)
        time.sleep(1)  # until what was only passing through is gone
        redis.config_set("maxmemory", int(redis.info("memory")["used_memory"] * 1.1))
        try:
            wait_for(lambda: gateway.create(FINE).status_code == 503)
            refused = gateway.create(FINE)
            assert (refused.json()["code"], refused.headers["Retry-After"]) == ("queue_full", "1")
            with working(redis_server.url, Rule()):
                assert gateway.get(id, prefer="wait").json()["status"] == "succeeded"
        finally:
            redis.config_set("maxmemory", 0)
        wait_for(lambda: gateway.create(FINE).status_code == 202)


def test_a_queue_emptied_by_somebody_else_is_weighed_anew(start: Start, apart_url: str) -> None:
    with start(GATEWAY_QUEUE_SIZE="1000") as gateway:
        assert [gateway.create("x" * 900).status_code for _ in range(2)] == [202, 503]
        Redis.from_url(apart_url).delete(keys.queue("sentiment"))
        assert gateway.create("x" * 900).status_code == 202


def test_several_models_are_served_side_by_side(start: Start, apart_url: str) -> None:
    with start(GATEWAY_MODELS="topics, spam", GATEWAY_QUEUE_LIMIT="1") as gateway:
        codes = [gateway.create(FINE, model=model).status_code for model in ("sentiment", "topics", "spam")]
        assert codes == [202] * 3, "each has a bound of its own"
        assert gateway.create(FINE, model="topics").status_code == 503
        unknown = gateway.create(FINE, model="topic")
        assert (unknown.status_code, unknown.json()["errors"][0]["pointer"]) == (422, "#/model")
        assert "'sentiment', 'topics', 'spam'" in unknown.json()["detail"]
        figures = gateway.http.get("/metrics").text
        assert 'barometer_queue_jobs{lane="default",model="topics"} 1.0' in figures
        with working(apart_url, Rule(), model_name="topics"):
            wait_for(lambda: Redis.from_url(apart_url).xlen(keys.EVENTS))
    redis = Redis.from_url(apart_url, decode_responses=True)
    assert (redis.llen(keys.queue("sentiment")), redis.llen(keys.queue("spam"))) == (1, 1)
    assert [fields["model"] for _, fields in redis.xrange(keys.EVENTS)] == ["topics"]
