"""Managed endpoints: made, changed, told of what they asked for, and disabled when nobody is there."""

import time

import pytest
from redis import Redis
from standardwebhooks import Webhook

from contract import keys
from contract.alerts import Alert
from gateway.access import Scope
from gateway.identifiers import new_id
from gateway.webhooks.endpoints import ENDPOINT_PREFIX, MOST
from gateway.webhooks.signing import SECRET_PREFIX
from monitoring.alerts import AlertBook
from tests.gateway.conftest import Gateway, Start
from tests.gateway.managed import PATH, bearing, endpoint, new_key, outbox, verified
from tests.gateway.receiver import receiving
from tests.working import Rule, wait_for, working

ELSEWHERE = "https://example.com/hook"


def test_an_endpoint_is_made_read_listed_changed_and_deleted(gateway: Gateway) -> None:
    made = endpoint(gateway.http, ELSEWHERE, "prediction.failed", "batch.completed", description="the shop")
    assert made == made | {
        "url": ELSEWHERE, "events": ["prediction.failed", "batch.completed"], "description": "the shop",
        "enabled": True, "disabled_at": None, "disabled_reason": None,
    }  # fmt: skip
    other = endpoint(gateway.http, ELSEWHERE)
    path = f"{PATH}/{made['id']}"
    assert gateway.http.get(path).json() == made
    assert gateway.http.get(PATH).json() == {"results": [other, made]}
    changed = gateway.http.patch(path, json={"url": ELSEWHERE + "/2", "enabled": False}).json()
    assert changed == made | {
        "url": ELSEWHERE + "/2", "enabled": False, "disabled_reason": "owner",
        "disabled_at": changed["disabled_at"],
    }  # fmt: skip
    assert gateway.http.patch(path, json={"enabled": True, "description": ""}).json() == made | {
        "url": ELSEWHERE + "/2", "description": "",
    }  # fmt: skip
    assert gateway.http.delete(path).status_code == 204
    assert gateway.http.get(path).json()["code"] == "not_found"
    assert gateway.http.get(PATH).json() == {"results": [other]}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"url": ELSEWHERE}, "#/events"),
        ({"url": ELSEWHERE, "events": []}, "#/events"),
        ({"url": ELSEWHERE, "events": ["prediction.ended"]}, "#/events"),
        ({"url": ELSEWHERE, "events": ["webhook.ping"]}, "#/events"),
        ({"url": "ftp://example.com/", "events": ["alert.fired"]}, "#/url"),
        ({"url": "https://u:p@example.com/", "events": ["alert.fired"]}, "#/url"),
        ({"url": ELSEWHERE, "events": ["alert.fired"], "secret": "x"}, "#/secret"),
        ({"url": ELSEWHERE, "events": ["alert.fired"], "description": "a\nb"}, "#/description"),
    ],
)
def test_what_is_wrong_is_named(gateway: Gateway, body: dict, pointer: str) -> None:
    answer = gateway.http.post(PATH, json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_there_are_only_so_many(gateway: Gateway) -> None:
    for _ in range(MOST):
        last = endpoint(gateway.http, ELSEWHERE)
    body = {"url": ELSEWHERE, "events": ["prediction.failed"]}
    assert gateway.http.post(PATH, json=body).status_code == 422
    gateway.http.delete(f"{PATH}/{last['id']}")
    endpoint(gateway.http, ELSEWHERE)


def test_subscriptions_follow_the_endpoint(gateway: Gateway, redis_url: str) -> None:
    def subscribed() -> set[str]:
        with Redis.from_url(redis_url, decode_responses=True) as redis:
            return {
                key.removeprefix(keys.SUBSCRIBED_PREFIX) for key in redis.keys(keys.SUBSCRIBED_PREFIX + "*")
            }

    path = f"{PATH}/{endpoint(gateway.http, ELSEWHERE, 'prediction.failed', 'alert.fired')['id']}"
    assert subscribed() == {":prediction.failed", "*:alert.fired"}
    gateway.http.patch(path, json={"events": ["prediction.canceled"]})
    assert subscribed() == {":prediction.canceled"}
    gateway.http.patch(path, json={"enabled": False})
    assert subscribed() == set()
    gateway.http.patch(path, json={"events": ["batch.completed"]})
    assert subscribed() == set()
    gateway.http.patch(path, json={"enabled": True})
    assert subscribed() == {":batch.completed"}
    gateway.http.delete(path)
    assert subscribed() == set()


def test_an_endpoint_is_told_of_what_it_asked_for_signed_with_its_own_secret(
    gateway: Gateway, redis_url: str
) -> None:
    with receiving() as receiver, receiving() as other, working(redis_url, Rule()):
        wants = endpoint(gateway.http, receiver.url, "prediction.succeeded")
        endpoint(gateway.http, other.url, "prediction.failed")
        id = gateway.create("fine", prefer="wait").json()["id"]
        wait_for(lambda: receiver.received)
        [told] = verified(gateway.http, wants["id"], receiver)
        gateway.create("poison", prefer="wait")
        wait_for(lambda: other.received)
        assert len(receiver.received) == len(other.received) == 1
    assert (told["type"], told["data"]) == ("prediction.succeeded", gateway.get(id).json())
    assert told["timestamp"] == told["data"]["completed_at"]
    assert receiver.received[0].headers["webhook-id"] == f"{id}.prediction.succeeded.{wants['id']}"
    assert len({gateway.http.get(f"{PATH}/{wants['id']}/secret").json()["key"],
                gateway.http.get("/v1/webhooks/default/secret").json()["key"]}) == 2  # fmt: skip


def test_an_alert_is_told_when_it_fires_and_when_it_is_over(gateway: Gateway, redis_url: str) -> None:
    fired = {
        "id": "a1",
        "rule": "negatives",
        "severity": "warning",
        "summary": "4",
        "count": 4,
        "threshold": 3,
    }
    with receiving() as receiver, Redis.from_url(redis_url, decode_responses=True) as redis:
        id = endpoint(gateway.http, receiver.url, "alert.fired", "alert.resolved")["id"]
        AlertBook(redis).record(Alert(**fired, window_s=300.0, fired_at=1_700_000_000.0))
        wait_for(lambda: len(receiver.received) == 1)
        AlertBook(redis).record(
            Alert(**fired, window_s=300.0, fired_at=1_700_000_000.0, resolved_at=1_700_000_300.0)
        )
        wait_for(lambda: len(receiver.received) == 2)
        first, second = verified(gateway.http, id, receiver)
    assert (first["type"], first["data"]["status"], first["timestamp"][:16]) == (
        "alert.fired", "firing", "2023-11-14T22:13",
    )  # fmt: skip
    assert (second["type"], second["data"]["status"]) == ("alert.resolved", "resolved")
    assert second["data"] in gateway.http.get("/v1/alerts").json()["results"]


def test_an_event_without_a_subject_of_its_own_is_told_from_its_entry(
    gateway: Gateway, redis_url: str
) -> None:
    with receiving() as receiver, Redis.from_url(redis_url, decode_responses=True) as redis:
        id = endpoint(gateway.http, receiver.url, "drift.detected")["id"]
        entry = redis.xadd(keys.EVENTS, {"v": "1", "type": "drift.detected", "detector": "psi"})
        redis.zadd(keys.OUTBOX, {f"drift.detected {entry} {id}": 1})
        wait_for(lambda: receiver.received)
        [told] = verified(gateway.http, id, receiver)
    assert (told["type"], told["data"]) == ("drift.detected", {"detector": "psi"})


def test_a_ping_tells_whether_the_endpoint_is_there(gateway: Gateway) -> None:
    with receiving() as receiver:
        made = endpoint(gateway.http, receiver.url)
        for _ in range(2):
            assert gateway.http.post(f"{PATH}/{made['id']}/ping").json() == {"enqueued": 1}
        wait_for(lambda: len(receiver.received) == 2)
        first, second = verified(gateway.http, made["id"], receiver)
    assert (first["type"], first["data"]) == (second["type"], second["data"]) == ("webhook.ping", made)
    assert len({received.headers["webhook-id"] for received in receiver.received}) == 2


def test_410_disables_at_once_parks_what_waits_and_is_told_to_the_owners_other_endpoints(
    gateway: Gateway, redis_url: str
) -> None:
    with receiving((410, {}), hang_s=0.3) as gone, receiving() as other, working(redis_url, Rule()):
        id = endpoint(gateway.http, gone.url, "prediction.succeeded", "endpoint.disabled")["id"]
        watcher = endpoint(gateway.http, other.url, "endpoint.disabled")["id"]
        with Redis.from_url(redis_url) as redis:
            redis.zadd(keys.OUTBOX, {f"webhook.ping {new_id()} {id}": time.time() + 3})
        gateway.create("fine")
        wait_for(lambda: other.received)
        [told] = verified(gateway.http, watcher, other)
        read = gateway.http.get(f"{PATH}/{id}").json()
        assert (read["enabled"], read["disabled_reason"]) == (False, "gone")
        assert (told["type"], told["data"]) == ("endpoint.disabled", read)
        gateway.create("fine", prefer="wait")
        wait_for(lambda: not outbox(redis_url))
        assert len(gone.received) == 1
        assert gateway.http.post(f"{PATH}/{id}/ping").json()["code"] == "endpoint_disabled"
        assert gateway.http.patch(f"{PATH}/{id}", json={"enabled": True}).json()["disabled_reason"] is None
        gateway.create("fine")
        wait_for(lambda: len(gone.received) == 2)


def test_an_endpoint_without_a_success_for_120_hours_is_disabled_and_one_success_begins_anew(
    gateway: Gateway, redis_url: str
) -> None:
    with (
        receiving((500, {}), (204, {}), (500, {}), (500, {})) as receiver,
        Redis.from_url(redis_url, decode_responses=True) as redis,
    ):
        id = endpoint(gateway.http, receiver.url)["id"]
        since = lambda: redis.hget(ENDPOINT_PREFIX + id, "failing_since")  # noqa: E731

        def ping() -> None:
            before = len(receiver.received)
            gateway.http.post(f"{PATH}/{id}/ping")
            wait_for(lambda: len(receiver.received) > before)

        ping()
        wait_for(since)
        redis.hset(ENDPOINT_PREFIX + id, "failing_since", time.time() - 119 * 3600)
        ping()
        wait_for(lambda: since() is None)
        ping()
        wait_for(since)
        assert gateway.http.get(f"{PATH}/{id}").json()["enabled"]
        redis.hset(ENDPOINT_PREFIX + id, "failing_since", time.time() - 121 * 3600)
        ping()
        wait_for(lambda: gateway.http.get(f"{PATH}/{id}").json()["disabled_reason"] == "failing")


@pytest.mark.parametrize("path", ["/v1/webhooks/default/secret", None])
def test_after_a_rotation_both_secrets_verify_for_a_day(gateway: Gateway, redis_url: str, path: str) -> None:
    with receiving() as receiver, working(redis_url, Rule()):
        made = endpoint(gateway.http, receiver.url)
        key = SECRET_PREFIX if path else ENDPOINT_PREFIX + made["id"]
        path = path or f"{PATH}/{made['id']}/secret"
        own = {"webhook": receiver.url} if key == SECRET_PREFIX else {}
        if own:
            gateway.http.patch(f"{PATH}/{made['id']}", json={"enabled": False})
        old = gateway.http.get(path).json()["key"]
        new = gateway.http.post(f"{path}/rotate").json()["key"]
        assert new != old
        assert gateway.http.get(path).json()["key"] == new
        gateway.create("fine", **own)
        wait_for(lambda: receiver.received)
        [got] = receiver.received
        assert len(got.headers["webhook-signature"].split(" ")) == 2
        for secret in (old, new):
            Webhook(secret).verify(got.body, got.headers)
        first = got.headers["webhook-signature"].split(" ")[0]
        Webhook(new).verify(got.body, {**got.headers, "webhook-signature": first})
        with Redis.from_url(redis_url) as redis:
            assert 86_000 < float(redis.hget(key, "old_until")) - time.time() <= 86_400
            redis.hset(key, "old_until", time.time() - 1)
        gateway.create("fine", **own)
        wait_for(lambda: len(receiver.received) == 2)
        assert len(receiver.received[1].headers["webhook-signature"].split(" ")) == 1
        Webhook(new).verify(receiver.received[1].body, receiver.received[1].headers)


def test_a_key_sees_only_its_own_endpoints_and_their_events(start: Start, apart_url: str) -> None:
    first, second = (new_key(apart_url, Scope.PREDICT, Scope.READ) for _ in range(2))
    with (
        start() as gateway, receiving() as receiver, working(apart_url, Rule()),
        bearing(gateway, first) as one, bearing(gateway, second) as other,
    ):  # fmt: skip
        mine = endpoint(one, receiver.url)
        path = f"{PATH}/{mine['id']}"
        for answer in (
            other.get(path), other.patch(path, json={"enabled": False}), other.delete(path),
            other.get(path + "/secret"), other.post(path + "/secret/rotate"), other.post(path + "/ping"),
            other.get(path + "/deliveries"), other.post(path + "/replay?since=2026-01-01T00:00:00Z"),
            other.post(path + "/deliveries/1-1/retry"),
        ):  # fmt: skip
            assert answer.status_code == 404
        assert other.get(PATH).json() == {"results": []}
        secrets = [client.get("/v1/webhooks/default/secret").json()["key"] for client in (one, other)]
        assert secrets[0] != secrets[1]
        other.post("/v1/predictions", json={"input": {"text": "theirs"}}, headers={"Prefer": "wait"})
        one.post("/v1/predictions", json={"input": {"text": "mine"}})
        wait_for(lambda: receiver.received)
        assert [body["data"]["input"]["text"] for body in verified(one, mine["id"], receiver)] == ["mine"]


def test_what_concerns_the_whole_service_needs_an_admin(start: Start, apart_url: str) -> None:
    body = {"url": ELSEWHERE, "events": ["prediction.failed", "alert.fired"]}
    made_keys = [
        new_key(apart_url, *scopes) for scopes in ((Scope.PREDICT, Scope.READ), Scope, (Scope.READ,))
    ]
    with (
        start() as gateway, bearing(gateway, made_keys[0]) as plain, bearing(gateway, made_keys[1]) as admin,
        bearing(gateway, made_keys[2]) as reader,
    ):  # fmt: skip
        assert plain.post(PATH, json=body).status_code == 403
        made = endpoint(plain, ELSEWHERE, "prediction.failed")
        change = {"events": ["model.promoted"]}
        assert plain.patch(f"{PATH}/{made['id']}", json=change).status_code == 403
        assert plain.get(f"{PATH}/{made['id']}").json()["events"] == ["prediction.failed"]
        assert admin.post(PATH, json=body).status_code == 201
        assert reader.post(PATH, json={**body, "events": ["prediction.failed"]}).status_code == 403
