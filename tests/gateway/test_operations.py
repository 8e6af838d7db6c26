"""Probes, metrics, alerts, documentation."""

import time

from redis import Redis

from contract import keys
from contract.alerts import Alert
from tests.gateway.conftest import Gateway
from tests.working import Rule, working


def test_ready_when_a_worker_holds_the_model_and_not_before(gateway: Gateway, redis_url: str) -> None:
    answer = gateway.http.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "no_worker")
    with working(redis_url, Rule()):
        answer = gateway.http.get("/readyz")
        assert (answer.status_code, answer.json()["workers"]) == (200, 1)
    assert gateway.http.get("/readyz").status_code == 503
    assert gateway.http.get("/livez").status_code == 200


def test_metrics_count_requests_by_route_and_never_by_id(gateway: Gateway, redis_url: str) -> None:
    def figure(name: str) -> float:
        lines = gateway.http.get("/metrics").text.splitlines()
        return float(next((line.rpartition(" ")[2] for line in lines if line.startswith(name)), 0))

    reads = 'barometer_http_request_seconds_count{method="GET",route="/v1/predictions/{id}",status="404"}'
    accepted, read = figure("barometer_predictions_accepted_total"), figure(reads)
    gateway.create("one")
    gateway.create("two")
    gateway.get("nobody-1")
    gateway.get("nobody-2")
    assert figure("barometer_predictions_accepted_total") == accepted + 2
    assert figure(reads) == read + 2
    assert figure('barometer_queue_jobs{lane="default",model="sentiment"}') == 2
    assert figure('barometer_queue_jobs{lane="bulk",model="sentiment"}') == 0
    assert figure('barometer_queue_oldest_seconds{lane="default",model="sentiment"}') >= 0
    assert figure('barometer_workers_ready{model="sentiment"}') == 0
    assert "nobody-1" not in gateway.http.get("/metrics").text


def test_alerts_are_listed_newest_first(gateway: Gateway, redis_url: str) -> None:
    assert gateway.http.get("/v1/alerts").json() == {"results": []}
    now = time.time()
    with Redis.from_url(redis_url) as redis:
        for number, resolved in ((1, now), (2, None)):
            alert = Alert(
                id=f"negatives-{number}", rule="negatives", severity="warning", summary="4 in 5 minutes",
                count=4, threshold=3, window_s=300.0, fired_at=now - 100 + number, resolved_at=resolved,
            )  # fmt: skip
            redis.hset(keys.alert(alert.id), mapping=alert.to_hash())
            redis.zadd(keys.ALERTS, {alert.id: alert.fired_at})
    results = gateway.http.get("/v1/alerts").json()["results"]
    assert [(alert["id"], alert["status"]) for alert in results] == [
        ("negatives-2", "firing"), ("negatives-1", "resolved"),
    ]  # fmt: skip
    assert gateway.http.get("/v1/alerts", params={"limit": 1}).json()["results"] == results[:1]
    assert gateway.http.get("/v1/alerts", params={"limit": 0}).status_code == 422


def test_an_alert_is_taken_on_by_the_first_who_says_so(gateway: Gateway, redis_url: str) -> None:
    alert = Alert(
        id="negatives-a:key_1-17-0", rule="negatives", severity="warning", summary="4", count=4, threshold=3,
        window_s=300.0, fired_at=1.0, subject="a:key_1",
    )  # fmt: skip
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        redis.hset(keys.alert(alert.id), mapping=alert.to_hash())
        redis.zadd(keys.ALERTS, {alert.id: alert.fired_at})
        first, second = (gateway.http.post(f"/v1/alerts/{alert.id}/ack") for _ in range(2))
        told = [fields["type"] for _, fields in redis.xrange(keys.EVENTS)]
    assert first.json() == second.json() == gateway.http.get("/v1/alerts").json()["results"][0]
    assert (first.json()["acknowledged_by"], first.json()["status"]) == ("anybody", "firing")
    assert told == ["alert.acknowledged"]
    assert gateway.http.post("/v1/alerts/unknown/ack").status_code == 404


def test_the_documentation_comes_from_this_machine_alone(gateway: Gateway) -> None:
    page = gateway.http.get("/docs").text
    assert "//cdn" not in page
    assert "https://" not in page
    assert gateway.http.get("/docs/assets/swagger-ui-bundle.js").status_code == 200
    assert gateway.http.get("/docs/assets/swagger-ui.css").status_code == 200


def test_the_description_knows_every_status_that_predictions_answer(gateway: Gateway) -> None:
    paths = gateway.http.get("/openapi.json").json()["paths"]
    assert set(paths["/v1/predictions"]["post"]["responses"]) == {
        "201", "202", "400", "401", "403", "408", "413", "422", "429", "503",
    }  # fmt: skip
    assert set(paths["/v1/predictions/{id}"]["get"]["responses"]) == {
        "200", "400", "401", "403", "404", "410", "422", "503",
    }  # fmt: skip
    problem = paths["/v1/predictions"]["post"]["responses"]["422"]["content"]
    assert list(problem) == ["application/problem+json"]
