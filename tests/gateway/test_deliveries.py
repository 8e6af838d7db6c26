"""The log of deliveries, retries of one and replays of many."""

from datetime import UTC, datetime

import pytest
from redis import Redis

from contract import keys
from gateway.webhooks.sender import ANSWER_BYTES, excerpt
from tests.gateway.conftest import Gateway
from tests.gateway.managed import PATH, endpoint, outbox, verified
from tests.gateway.receiver import receiving
from tests.working import Rule, wait_for, working


def log(gateway: Gateway, id: str, **query: object) -> dict:
    answer = gateway.http.get(f"{PATH}/{id}/deliveries", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def due_now(redis_url: str) -> None:
    with Redis.from_url(redis_url) as redis:
        redis.zadd(keys.OUTBOX, dict.fromkeys(redis.zrange(keys.OUTBOX, 0, -1), 1))


def test_every_attempt_is_written_down(gateway: Gateway, redis_url: str) -> None:
    with receiving((500, {})) as receiver, working(redis_url, Rule()):
        receiver.said = b"no \xff\0 room " + b"x" * 2000
        id = gateway.create("fine", webhook=receiver.url).json()["id"]
        wait_for(lambda: log(gateway, "default")["results"])
        receiver.said = b"ok"
        due_now(redis_url)
        wait_for(lambda: len(log(gateway, "default")["results"]) == 2)
        second, first = log(gateway, "default")["results"]
    assert first == first | {
        "type": "completed", "subject": id, "attempt": 1, "delivered": False, "status": 500, "error": None,
    }  # fmt: skip
    assert first["answer"].startswith("no � room xxx")
    assert len(first["answer"]) < ANSWER_BYTES
    assert second == second | {"attempt": 2, "delivered": True, "status": 204}
    assert first["at"] < second["at"] <= now()


def test_what_never_answered_is_written_down_by_its_class_and_tells_no_address(gateway: Gateway) -> None:
    with receiving() as receiver:
        url = receiver.url
    id = endpoint(gateway.http, url)["id"]
    gateway.http.post(f"{PATH}/{id}/ping")
    wait_for(lambda: log(gateway, id)["results"])
    [attempt] = log(gateway, id)["results"]
    assert attempt == attempt | {
        "type": "webhook.ping",
        "status": None,
        "error": "ConnectError",
        "answer": "",
    }


def test_an_answer_that_repeats_a_text_is_not_written_down(gateway: Gateway, redis_url: str) -> None:
    with receiving() as receiver, working(redis_url, Rule()):
        receiver.answers, receiver.echoes = [(400, {})], True
        gateway.create("canary-canary-canary", webhook=receiver.url)
        wait_for(lambda: log(gateway, "default")["results"])
    assert log(gateway, "default")["results"][0]["answer"] == ""
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        [stream] = redis.keys("barometer:deliveries:*")
        assert "canary" not in str(redis.xrange(stream))
    assert "canary" not in gateway.log.read_text()


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        (b"all is well", True), (b"", True), (b"got: a secret word, thanks", False),
        (b'{"echo":"\\u0061 secret word"}', False), (b"secret", True),
        ("привет, мир и дом".encode(), False),
        (b'"\\u043f\\u0440\\u0438\\u0432\\u0435\\u0442, \\u043c\\u0438\\u0440 \\u0438"', False),
    ],
)  # fmt: skip
def test_any_longer_part_of_a_text_hides_the_answer(answer: bytes, kept: bool) -> None:
    private = ["here is a secret word that somebody wrote", "привет, мир и дом", ""]
    assert excerpt(answer, private) == (answer.decode() if kept else "")


def test_the_log_comes_in_pages(gateway: Gateway) -> None:
    with receiving() as receiver:
        id = endpoint(gateway.http, receiver.url)["id"]
        for _ in range(5):
            gateway.http.post(f"{PATH}/{id}/ping")
        wait_for(lambda: len(log(gateway, id)["results"]) == 5)
    whole = [one["id"] for one in log(gateway, id)["results"]]
    first = log(gateway, id, limit=2)
    second = gateway.http.get(first["next"]).json()
    third = gateway.http.get(second["next"]).json()
    assert [one["id"] for page in (first, second, third) for one in page["results"]] == whole
    assert (first["previous"], third["next"]) == (None, None)
    assert gateway.http.get(second["previous"]).json()["results"] == first["results"]
    assert gateway.http.get(f"{PATH}/{id}/deliveries?cursor=x").status_code == 422


def test_a_delivery_is_sent_again_under_the_same_webhook_id(gateway: Gateway, redis_url: str) -> None:
    with receiving() as receiver, working(redis_url, Rule()):
        id = endpoint(gateway.http, receiver.url)["id"]
        gateway.create("fine", webhook=receiver.url)
        wait_for(lambda: len(receiver.received) == 2 and not outbox(redis_url))
        for name in (id, "default"):
            [attempt] = log(gateway, name)["results"]
            answer = gateway.http.post(f"{PATH}/{name}/deliveries/{attempt['id']}/retry")
            assert (answer.status_code, answer.json()) == (202, {"enqueued": 1})
        wait_for(lambda: len(receiver.received) == 4)
    assert len({received.headers["webhook-id"] for received in receiver.received}) == 2


def test_a_delivery_whose_subject_is_gone_is_not_sent_again(gateway: Gateway, redis_url: str) -> None:
    with receiving() as receiver, working(redis_url, Rule()):
        id = gateway.create("fine", webhook=receiver.url).json()["id"]
        wait_for(lambda: log(gateway, "default")["results"])
    [attempt] = log(gateway, "default")["results"]
    with Redis.from_url(redis_url) as redis:
        redis.delete(keys.prediction(id))
    retry = f"{PATH}/default/deliveries/{attempt['id']}/retry"
    assert gateway.http.post(retry).json()["code"] == "expired"
    assert gateway.http.post(f"{PATH}/default/deliveries/1-1/retry").json()["code"] == "not_found"


def test_a_replay_brings_back_what_was_parked(gateway: Gateway, redis_url: str) -> None:
    with receiving((410, {})) as receiver, working(redis_url, Rule()):
        since = now()
        id = endpoint(gateway.http, receiver.url)["id"]
        path = f"{PATH}/{id}"
        first = gateway.create("fine", prefer="wait").json()["id"]
        wait_for(lambda: not gateway.http.get(path).json()["enabled"])
        replay = f"{path}/replay"
        assert gateway.http.post(replay, params={"since": since}).json()["code"] == "endpoint_disabled"
        second = gateway.create("fine", prefer="wait").json()["id"]
        gateway.create("poison", prefer="wait")
        gone = gateway.create("fine", prefer="wait").json()["id"]
        with Redis.from_url(redis_url) as redis:
            redis.delete(keys.prediction(gone))
        gateway.http.patch(path, json={"enabled": True})
        receiver.received.clear()
        answer = gateway.http.post(replay, params={"since": since})
        assert (answer.status_code, answer.json()["enqueued"]) == (202, 2)
        assert since <= answer.json()["since"] <= now()
        wait_for(lambda: len(receiver.received) == 2)
        assert {told["data"]["id"] for told in verified(gateway.http, id, receiver)} == {first, second}
        assert gateway.http.post(replay, params={"since": now()}).json() == {"enqueued": 0, "since": None}
        assert gateway.http.post(replay, params={"since": "yesterday"}).status_code == 422


def test_the_default_endpoint_replays_what_had_a_webhook_of_its_own(gateway: Gateway, redis_url: str) -> None:
    with receiving() as receiver, working(redis_url, Rule()):
        since = now()
        endpoint(gateway.http, "https://example.com/", "prediction.failed")
        id = gateway.create("fine", webhook=receiver.url, prefer="wait").json()["id"]
        gateway.create("fine", prefer="wait")
        wait_for(lambda: receiver.received and not outbox(redis_url))
        answer = gateway.http.post(f"{PATH}/default/replay", params={"since": since})
        assert answer.json()["enqueued"] == 1
        wait_for(lambda: len(receiver.received) == 2)
    assert {received.headers["webhook-id"] for received in receiver.received} == {f"{id}.completed"}
