"""``POST /v1/predictions/{id}/feedback`` over HTTP: kept with the prediction, and told once."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
from redis import Redis

from contract import keys
from contract.events import Event
from monitoring import events as monitoring
from tests.gateway.conftest import Gateway
from tests.working import Rule, working

FINE = "what a fine day"


@pytest.fixture
def redis(redis_url: str) -> Redis:
    return Redis.from_url(redis_url, decode_responses=True)


@pytest.fixture
def done(gateway: Gateway, redis_url: str) -> dict[str, Any]:
    with working(redis_url, Rule()):
        return gateway.create(FINE, prefer="wait").json()


def tell(gateway: Gateway, id: str, **body: object) -> httpx2.Response:
    return gateway.http.post(f"/v1/predictions/{id}/feedback", json=body)


def told(redis: Redis) -> list[Event]:
    events = [Event.from_entry(entry, fields) for entry, fields in redis.xrange(keys.EVENTS)]
    return [event for event in events if event.type == "prediction.feedback"]


def test_feedback_is_kept_with_the_prediction_and_told_with_what_was_predicted(
    gateway: Gateway, redis: Redis, done: dict[str, Any]
) -> None:
    answer = tell(gateway, done["id"], label="negative", source="support-desk")
    assert answer.status_code == 200
    feedback = answer.json()["feedback"]
    assert (feedback["label"], feedback["source"]) == ("negative", "support-desk")
    assert feedback["at"] > done["completed_at"]
    assert gateway.get(done["id"]).json() == answer.json() == {**done, "feedback": feedback}
    [event] = told(redis)
    assert dict(event.fields) == {
        "v": "1", "type": "prediction.feedback", "id": done["id"], "model": "sentiment", "version": "1",
        "label": "positive", "truth": "negative", "owner": "", "source": "support-desk",
    }  # fmt: skip


def test_the_same_label_again_changes_nothing_and_another_one_replaces_it(
    gateway: Gateway, redis: Redis, done: dict[str, Any]
) -> None:
    first = tell(gateway, done["id"], label="negative", source="a").json()
    assert tell(gateway, done["id"], label="negative", source="b").json() == first
    assert tell(gateway, done["id"], label="positive").json()["feedback"]["label"] == "positive"
    assert [event.fields["truth"] for event in told(redis)] == ["negative", "positive"]


def test_of_many_that_say_the_same_at_once_one_is_told(
    gateway: Gateway, redis: Redis, done: dict[str, Any]
) -> None:
    with ThreadPoolExecutor(20) as clients:
        answers = list(clients.map(lambda _: tell(gateway, done["id"], label="negative"), range(40)))
    assert {answer.status_code for answer in answers} == {200}
    assert len(told(redis)) == 1


def test_a_label_that_the_model_does_not_have_is_refused_with_those_that_it_has(
    gateway: Gateway, redis: Redis, done: dict[str, Any]
) -> None:
    answer = tell(gateway, done["id"], label="furious")
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_label")
    assert answer.json()["errors"][0]["pointer"] == "#/label"
    assert "'positive', 'negative'" in answer.json()["detail"]
    assert told(redis) == []
    assert gateway.get(done["id"]).json()["feedback"] is None


def test_an_answer_that_was_cut_to_its_best_labels_takes_one_of_the_others(
    gateway: Gateway, redis_url: str
) -> None:
    with working(redis_url, Rule()):
        body = {"input": {"text": FINE, "top_k": 1}}
        id = gateway.http.post("/v1/predictions", json=body, headers={"Prefer": "wait"}).json()["id"]
    assert tell(gateway, id, label="negative").json()["feedback"]["label"] == "negative"


def test_only_what_has_an_answer_can_be_judged(gateway: Gateway, redis_url: str, redis: Redis) -> None:
    waiting = gateway.create(FINE).json()["id"]
    assert tell(gateway, waiting, label="positive").json()["code"] == "not_succeeded"
    gateway.http.post(f"/v1/predictions/{waiting}/cancel")
    assert tell(gateway, waiting, label="positive").status_code == 422
    with working(redis_url, Rule()):
        failed = gateway.create("poison", prefer="wait").json()["id"]
    assert tell(gateway, failed, label="positive").status_code == 422
    assert tell(gateway, "unknown", label="positive").status_code == 404
    assert told(redis) == []
    assert redis.exists(keys.prediction("unknown")) == 0


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({}, 422, "#/label"),
        ({"label": ""}, 422, "#/label"),
        ({"label": 1}, 422, "#/label"),
        ({"label": "a\nb"}, 422, "#/label"),
        ({"label": "x" * 201}, 422, "#/label"),
        ({"label": "positive", "source": "what the customer wrote"}, 422, "#/source"),
        ({"label": "positive", "text": "a"}, 422, "#/text"),
    ],
)
def test_a_body_that_is_wrong_names_the_field(
    gateway: Gateway, done: dict[str, Any], body: dict[str, Any], status: int, pointer: str
) -> None:
    answer = tell(gateway, done["id"], **body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (status, pointer)


def test_feedback_disturbs_neither_who_waits_nor_monitoring(
    gateway: Gateway, redis_url: str, redis: Redis, done: dict[str, Any]
) -> None:
    with ThreadPoolExecutor(1) as client:
        waiting = client.submit(gateway.create, "a bad day", "wait=20")
        tell(gateway, done["id"], label="negative")
        with working(redis_url, Rule()):
            assert waiting.result().json()["status"] == "succeeded"
    [event] = told(redis)
    assert monitoring.negative(event) is None
    assert monitoring.alert(event) is None
