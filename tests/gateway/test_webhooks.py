"""Webhooks delivered to a real receiver, verified by the released verifier."""

import json
import time
from datetime import timedelta

import pytest
from redis import Redis
from standardwebhooks import Webhook

from contract import keys
from tests.gateway.conftest import Gateway, Start
from tests.gateway.receiver import Receiver, receiving
from tests.working import Rule, wait_for, working
from worker.queue import Queue


def due_now(redis_url: str) -> None:
    """What waiting for the next attempt does."""
    with Redis.from_url(redis_url) as redis:
        for id in redis.zrange(keys.OUTBOX, 0, -1):
            redis.zadd(keys.OUTBOX, {id: 1})


def outbox(redis_url: str) -> dict[str, float]:
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        return dict(redis.zrange(keys.OUTBOX, 0, -1, withscores=True))


def verified(gateway: Gateway, receiver: Receiver) -> list[dict]:
    verifier = Webhook(gateway.http.get("/v1/webhooks/default/secret").json()["key"])
    return [verifier.verify(received.body, received.headers) for received in receiver.received]


def test_the_receiver_gets_the_ended_prediction_signed(gateway: Gateway, redis_url: str) -> None:
    with receiving() as receiver, working(redis_url, Rule()):
        id = gateway.create("a fine day — 😀", webhook=receiver.url, metadata={"order": 7}).json()["id"]
        wait_for(lambda: receiver.received)
        [body] = verified(gateway, receiver)
        read = gateway.get(id).json()
    assert body == read
    assert body["status"] == "succeeded"
    assert receiver.received[0].headers["webhook-id"] == f"{id}.completed"
    wait_for(lambda: not outbox(redis_url))


@pytest.mark.parametrize("text", ["poison", "canceled"])
def test_every_end_is_told(gateway: Gateway, redis_url: str, text: str) -> None:
    with receiving() as receiver:
        id = gateway.create(text, webhook=receiver.url).json()["id"]
        if text == "canceled":
            gateway.http.post(f"/v1/predictions/{id}/cancel")
            wait_for(lambda: receiver.received)
        else:
            with working(redis_url, Rule()):
                wait_for(lambda: receiver.received)
        assert verified(gateway, receiver)[0]["status"] in ("failed", "canceled")


@pytest.mark.parametrize("status", [500, 302, 429, 404])
def test_anything_but_2xx_is_tried_again_with_the_same_id(
    gateway: Gateway, redis_url: str, status: int
) -> None:
    with receiving((status, {"Location": "http://127.0.0.1:1/"})) as receiver, working(redis_url, Rule()):
        gateway.create("fine", webhook=receiver.url)
        wait_for(lambda: receiver.received)
        wait_for(lambda: 3 < next(iter(outbox(redis_url).values())) - time.time() < 7)
        due_now(redis_url)
        wait_for(lambda: len(receiver.received) == 2)
        assert len({received.headers["webhook-id"] for received in receiver.received}) == 1
        assert len(verified(gateway, receiver)) == 2
        wait_for(lambda: not outbox(redis_url))


def test_retry_after_is_heeded_when_it_is_later(gateway: Gateway, redis_url: str) -> None:
    with receiving((503, {"Retry-After": "120"})) as receiver, working(redis_url, Rule()):
        gateway.create("fine", webhook=receiver.url)
        wait_for(lambda: receiver.received)
        wait_for(lambda: 110 < next(iter(outbox(redis_url).values())) - time.time() < 121)


def test_410_ends_the_delivery(gateway: Gateway, redis_url: str) -> None:
    with receiving((410, {})) as receiver, working(redis_url, Rule()):
        gateway.create("fine", webhook=receiver.url)
        wait_for(lambda: receiver.received)
        wait_for(lambda: not outbox(redis_url))
        assert len(receiver.received) == 1


def test_the_second_failure_waits_longer_than_the_first(gateway: Gateway, redis_url: str) -> None:
    with receiving((500, {}), (500, {})) as receiver, working(redis_url, Rule()):
        gateway.create("fine", webhook=receiver.url)
        wait_for(lambda: len(receiver.received) == 1)
        wait_for(lambda: next(iter(outbox(redis_url).values())) - time.time() < 7)
        due_now(redis_url)
        wait_for(lambda: len(receiver.received) == 2)
        wait_for(lambda: 200 < next(iter(outbox(redis_url).values())) - time.time() < 361)


def test_a_hanging_receiver_delays_neither_predictions_nor_other_receivers(
    gateway: Gateway, redis_url: str
) -> None:
    with receiving(hang_s=8) as slow, receiving() as quick, working(redis_url, Rule()):
        for _ in range(10):
            gateway.create("fine", webhook=slow.url)
        wait_for(lambda: len(slow.received) == 10)
        begun = time.monotonic()
        assert gateway.create("fine", prefer="wait", webhook=quick.url).json()["status"] == "succeeded"
        wait_for(lambda: quick.received, seconds=6)
        assert time.monotonic() - begun < 6


def test_a_gateway_killed_in_the_middle_delivers_after_its_restart(start: Start, apart_url: str) -> None:
    with receiving(hang_s=3) as receiver, working(apart_url, Rule()):
        with start() as gateway:
            id = gateway.create("fine", webhook=receiver.url).json()["id"]
            wait_for(lambda: receiver.received)
            gateway.process.kill()
            gateway.process.wait()
        assert list(outbox(apart_url)) == [id], "leased by the dead, not lost"
        due_now(apart_url)
        receiver.hang_s = 0
        with start() as gateway:
            wait_for(lambda: len(receiver.received) == 2)
            assert [body["id"] for body in verified(gateway, receiver)] == [id, id]
            wait_for(lambda: not outbox(apart_url))
    assert len({received.headers["webhook-id"] for received in receiver.received}) == 1


def test_a_receiver_inside_is_refused_before_a_byte_is_sent(start: Start, apart_url: str) -> None:
    with receiving() as receiver, working(apart_url, Rule()), start(GATEWAY_WEBHOOK_ALLOW="") as gateway:
        id = gateway.create("fine", webhook=receiver.url, prefer="wait").json()["id"]
        wait_for(lambda: "webhook.failed" in gateway.log.read_text())
        assert gateway.get(id).json()["status"] == "succeeded"
        assert not receiver.received
        [line] = [line for line in gateway.log.read_text().splitlines() if "webhook.failed" in line]
        assert json.loads(line)["said"] == "AddressRefused"
        assert "127.0.0.1:" not in line


def test_all_gateways_share_one_secret(start: Start) -> None:
    with start() as one, start() as other:
        secrets = [g.http.get("/v1/webhooks/default/secret").json()["key"] for g in (one, other)]
    assert secrets[0] == secrets[1]
    assert secrets[0].startswith("whsec_")


@pytest.mark.parametrize(
    ("events", "text", "told"),
    [
        (["start"], "fine", ["processing"]),
        (["start", "completed"], "fine", ["processing", "succeeded"]),
        (["output", "completed"], "fine", ["succeeded"]),
        (["output"], "poison", []),
        (["output"], "fine", ["succeeded"]),
        (["logs"], "fine", []),
    ],
)
def test_the_filter_says_what_is_told(
    gateway: Gateway, redis_url: str, events: list[str], text: str, told: list[str]
) -> None:
    with receiving() as receiver, working(redis_url, Rule()):
        answer = gateway.create(text, webhook=receiver.url, webhook_events_filter=events, prefer="wait")
        wait_for(lambda: not outbox(redis_url))
        assert sorted(body["status"] for body in verified(gateway, receiver)) == told
        assert all(body["id"] == answer.json()["id"] for body in verified(gateway, receiver))
        assert len({received.headers["webhook-id"] for received in receiver.received}) == len(told)


def test_the_start_is_told_once_although_the_first_worker_died(gateway: Gateway, redis_url: str) -> None:
    with receiving() as receiver, Redis.from_url(redis_url, decode_responses=True) as redis:
        gateway.create("fine", webhook=receiver.url, webhook_events_filter=["start", "completed"])
        queue = Queue(redis, "sentiment", "dead", timedelta(seconds=0.1))
        assert len(queue.claim(1).jobs) == 1
        wait_for(lambda: receiver.received and not outbox(redis_url))
        wait_for(lambda: queue.reap()[0])
        with working(redis_url, Rule()):
            wait_for(lambda: len(receiver.received) == 2 and not outbox(redis_url))
        assert sorted(body["status"] for body in verified(gateway, receiver)) == ["processing", "succeeded"]


def test_an_unknown_event_in_the_filter_is_named(gateway: Gateway) -> None:
    answer = gateway.create("fine", webhook="http://127.0.0.1:9/", webhook_events_filter=["finished"])
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "#/webhook_events_filter/0"


def test_a_redirect_leads_nowhere(gateway: Gateway, redis_url: str) -> None:
    with receiving() as inner, working(redis_url, Rule()):
        with receiving((307, {"Location": inner.url})) as receiver:
            gateway.create("fine", webhook=receiver.url)
            wait_for(lambda: receiver.received)
            wait_for(lambda: 3 < next(iter(outbox(redis_url).values())) - time.time() < 7)
        assert not inner.received


def test_an_answer_that_never_ends_is_read_no_further_than_its_status(
    gateway: Gateway, redis_url: str
) -> None:
    with receiving((200, {})) as receiver, working(redis_url, Rule()):
        receiver.never_ends = True
        id = gateway.create("fine", webhook=receiver.url).json()["id"]
        wait_for(lambda: receiver.received)
        assert gateway.http.post(f"/v1/predictions/{id}/cancel").json()["status"] == "succeeded"
        wait_for(lambda: not outbox(redis_url))
        receiver.never_ends = False
    assert len(receiver.received) == 1


def test_what_was_tried_once_is_delivered_although_its_prediction_is_forgotten(
    gateway: Gateway, redis_url: str
) -> None:
    with receiving((500, {})) as receiver, working(redis_url, Rule()):
        id = gateway.create("fine", webhook=receiver.url).json()["id"]
        wait_for(lambda: receiver.received)
        wait_for(lambda: 3 < next(iter(outbox(redis_url).values())) - time.time() < 7)
        with Redis.from_url(redis_url) as redis:
            redis.delete(keys.prediction(id))
        due_now(redis_url)
        wait_for(lambda: len(receiver.received) == 2 and not outbox(redis_url))
        first, second = verified(gateway, receiver)
    assert first == second
    assert len({received.headers["webhook-id"] for received in receiver.received}) == 1


def test_what_nobody_knows_any_more_is_dropped_and_said(gateway: Gateway, redis_url: str) -> None:
    with Redis.from_url(redis_url) as redis:
        redis.zadd(keys.OUTBOX, {"forgotten": 1, "start forgotten ": 1, "prediction.failed x ep_gone": 1})
    wait_for(lambda: not outbox(redis_url))
    wait_for(lambda: gateway.log.read_text().count('"webhook.dropped"') >= 3)


def test_an_end_that_comes_while_the_last_one_is_told_is_told_too(gateway: Gateway, redis_url: str) -> None:
    with receiving(hang_s=1) as receiver, working(redis_url, Rule()):
        id = gateway.create("fine", webhook=receiver.url).json()["id"]
        wait_for(lambda: receiver.received)
        with Redis.from_url(redis_url) as redis:
            # Due once the first has been settled, which must not take it away.
            redis.zadd(keys.OUTBOX, {id: time.time() + 2})
        wait_for(lambda: len(receiver.received) == 2)
        wait_for(lambda: not outbox(redis_url))


def test_a_batch_is_told_once_when_its_last_row_has_ended(gateway: Gateway, redis_url: str) -> None:
    with receiving() as receiver, working(redis_url, Rule()):
        answer = gateway.http.post("/v1/batches", params={"webhook": receiver.url}, json=["fine", "poison"])
        assert answer.is_success, answer.text
        id = answer.json()["id"]
        wait_for(lambda: receiver.received)
        [body] = verified(gateway, receiver)
        assert body == gateway.http.get(f"/v1/batches/{id}").json()
        assert (body["status"], body["counts"]["total"]) == ("completed", 2)
        wait_for(lambda: not outbox(redis_url))
    assert [received.headers["webhook-id"] for received in receiver.received] == [f"{id}.batch.completed"]
