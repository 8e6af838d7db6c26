"""Creates that are sent twice and count once: by ``Idempotency-Key``, and by an id of the client's own."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
from redis import Redis

from contract import jobs, keys
from gateway.errors import BadHeader
from gateway.idempotency import fingerprint, idempotency
from tests.gateway.conftest import Gateway
from tests.working import Rule, working

FINE = "what a fine day"


@pytest.fixture
def redis(redis_url: str) -> Redis:
    return Redis.from_url(redis_url, decode_responses=True)


def send(
    gateway: Gateway, key: str, text: str = FINE, path: str = "predictions", **fields: Any
) -> httpx2.Response:
    headers = {"Idempotency-Key": key} | fields.pop("headers", {})
    return gateway.http.post(f"/v1/{path}", json={"input": {"text": text}, **fields}, headers=headers)


def put(gateway: Gateway, id: str, text: str = FINE, **headers: str) -> httpx2.Response:
    return gateway.http.put(f"/v1/predictions/{id}", json={"input": {"text": text}}, headers=headers)


def made(redis: Redis) -> int:
    return len(redis.keys(keys.prediction("*")))


@pytest.mark.parametrize("header", ["8e03978e-40d5", '"8e03978e-40d5"', ' "8e03978e-40d5" '])
def test_a_key_is_a_bare_word_or_a_quoted_string(header: str) -> None:
    assert idempotency(header, "k1", "predictions", {}).key == "k1:predictions:8e03978e-40d5"


@pytest.mark.parametrize("header", ["", " ", '""', "two words", "ключ", "x" * 256, '"open', "a\tb"])
def test_a_key_that_cannot_be_one_is_refused(header: str) -> None:
    with pytest.raises(BadHeader):
        idempotency(header, "", "predictions", {})


def test_the_order_of_fields_makes_no_other_request() -> None:
    assert fingerprint({"a": 1, "b": {"c": 2, "d": 3}}) == fingerprint({"b": {"d": 3, "c": 2}, "a": 1})
    assert fingerprint({"a": "é"}) != fingerprint({"a": "e\u0301"})


def test_a_hundred_at_once_with_one_key_make_one_job(gateway: Gateway, redis: Redis) -> None:
    with ThreadPoolExecutor(50) as clients:
        answers = list(clients.map(lambda _: send(gateway, "race"), range(100)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
    assert (made(redis), redis.llen(keys.queue("sentiment"))) == (1, 1)


def test_a_hundred_at_once_that_wait_all_get_the_one_result(
    gateway: Gateway, redis: Redis, redis_url: str
) -> None:
    model = Rule(seconds=0.3)
    with working(redis_url, model), ThreadPoolExecutor(50) as clients:
        answers = list(clients.map(lambda _: send(gateway, "race", headers={"Prefer": "wait"}), range(100)))
    assert [answer.status_code for answer in answers] == [201] * 100
    assert len({answer.text for answer in answers}) == 1
    assert model.batches == [[FINE]]


def test_a_replay_answers_the_prediction_as_it_is_now(gateway: Gateway, redis_url: str) -> None:
    first = send(gateway, "one")
    assert (first.status_code, "Idempotency-Replayed" in first.headers) == (202, False)
    with working(redis_url, Rule()):
        done = gateway.get(first.json()["id"], prefer="wait").json()
    again = send(gateway, "one")
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert again.json() == done
    assert again.headers["Location"] == first.headers["Location"]


def test_the_key_again_with_another_body_is_422_and_makes_nothing(gateway: Gateway, redis: Redis) -> None:
    first = send(gateway, "one")
    for other in (send(gateway, "one", "another text"), send(gateway, "one", priority="high")):
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    assert made(redis) == 1
    assert send(gateway, "one").json()["id"] == first.json()["id"]


def test_another_key_or_another_route_is_another_create(gateway: Gateway, redis: Redis) -> None:
    answers = [
        send(gateway, "one"), send(gateway, "two"),
        send(gateway, "one", path="models/barometer/sentiment/predictions"),
    ]  # fmt: skip
    assert len({answer.json()["id"] for answer in answers}) == made(redis) == 3


def test_a_key_lives_as_long_as_its_result(gateway: Gateway, redis: Redis) -> None:
    first = send(gateway, "one").json()["id"]
    [key] = redis.keys(keys.IDEMPOTENCY_PREFIX + "*")
    assert redis.ttl(key) >= jobs.RETENTION.total_seconds()
    redis.delete(keys.prediction(first))
    second = send(gateway, "one", "another text")
    assert (second.status_code, second.json()["id"] == first) == (202, False)


def test_a_refused_create_uses_no_key_up(gateway: Gateway, redis: Redis) -> None:
    assert send(gateway, "one", "").status_code == 422
    assert redis.keys(keys.IDEMPOTENCY_PREFIX + "*") == []
    assert send(gateway, "one").status_code == 202


def test_an_unreadable_key_is_400(gateway: Gateway, redis: Redis) -> None:
    answer = send(gateway, "two words")
    assert (answer.status_code, answer.json()["code"], made(redis)) == (400, "bad_header", 0)


def test_put_creates_under_the_clients_id_or_finds_what_it_created(gateway: Gateway, redis_url: str) -> None:
    first = put(gateway, "order-7_a")
    assert (first.status_code, first.json()["id"]) == (202, "order-7_a")
    assert first.headers["Location"] == f"{gateway.url}/v1/predictions/order-7_a"
    with working(redis_url, Rule()):
        again = put(gateway, "order-7_a", Prefer="wait")
    assert (again.status_code, again.json()["status"]) == (201, "succeeded")
    assert put(gateway, "order-7_a").json() == again.json()
    assert put(gateway, "order-7_a", "another text").json()["code"] == "idempotency_mismatch"
    assert put(gateway, "no%20id").status_code == 422


def test_of_a_hundred_puts_at_once_one_creates(gateway: Gateway, redis: Redis) -> None:
    with ThreadPoolExecutor(50) as clients:
        answers = list(clients.map(lambda _: put(gateway, "mine"), range(100)))
    assert {answer.status_code for answer in answers} == {202}
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
    assert redis.llen(keys.queue("sentiment")) == 1


def test_the_id_of_a_prediction_that_was_not_put_cannot_be_taken(gateway: Gateway) -> None:
    id = gateway.create(FINE).json()["id"]
    assert put(gateway, id).json()["code"] == "id_taken"
