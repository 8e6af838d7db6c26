"""What a gateway tells a collector, and what it costs when that is away: nothing."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack

import pytest
from redis import Redis

from contract import keys
from tests.collector import Collector, collecting
from tests.gateway.conftest import Gateway, Start, free_port
from tests.gateway.receiver import receiving
from tests.gateway.test_webhooks import due_now, outbox
from tests.monitoring.ingestion import ingestion
from tests.working import Rule, wait_for, working

CANARY = "quokkaberry"
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
#: A gateway that waited for a silent collector without an end would take half a minute.
CLOSED_WITHIN_S = 12

Traced = Callable[..., AbstractContextManager[Gateway]]


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as started:
        yield started


@pytest.fixture
def traced(start: Start, collector: Collector) -> Traced:
    """Start a gateway that sends its spans to the collector; when it has stopped, all are there."""
    return lambda **settings: start(OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint, **settings)


def create(gateway: Gateway, text: str, traceparent: str = TRACEPARENT, **fields: object) -> str:
    answer = gateway.http.post(
        "/v1/predictions", json={"input": {"text": text}, **fields}, headers={"traceparent": traceparent}
    )
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def record(redis_url: str, id: str) -> dict[str, str]:
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        return redis.hgetall(keys.prediction(id))


def test_a_request_continues_the_clients_trace_and_the_record_carries_it_on(
    traced: Traced, collector: Collector, apart_url: str
) -> None:
    with traced() as gateway:
        id = create(gateway, "fine", priority="high")
    served, published = collector.one("POST /v1/predictions"), collector.one("publish sentiment")
    assert (served.trace, served.parent, served.kind) == (TRACE, PARENT, "server")
    assert (published.trace, published.parent, published.kind) == (TRACE, served.id, "producer")
    assert record(apart_url, id)["trace"] == f"00-{TRACE}-{published.id}-01"
    assert served.attributes == {
        "http.request.method": "POST", "url.scheme": "http", "http.route": "/v1/predictions",
        "http.response.status_code": 202,
    }  # fmt: skip
    assert published.attributes == {
        "messaging.system": "redis", "messaging.message.id": id,
        "messaging.destination": "sentiment:high", "messaging.destination.name": "sentiment:high",
        "messaging.operation.name": "publish", "messaging.operation.type": "send",
    }  # fmt: skip


def test_a_request_without_a_readable_trace_begins_one(traced: Traced, collector: Collector) -> None:
    with traced() as gateway:
        for unreadable in ("", "nonsense", f"00-{'0' * 32}-{PARENT}-01"):
            create(gateway, "fine", unreadable)
    served = collector.named("POST /v1/predictions")
    assert [span.parent for span in served] == [""] * 3
    assert len({span.trace for span in served}) == 3


def test_one_trace_leads_from_the_request_to_each_attempt_of_the_webhook(
    traced: Traced, collector: Collector, apart_url: str
) -> None:
    with receiving((500, {})) as receiver, traced() as gateway, working(apart_url, Rule()):
        create(gateway, "fine", webhook=receiver.url)
        wait_for(lambda: receiver.received)
        wait_for(lambda: 3 < next(iter(outbox(apart_url).values())) - time.time() < 7)
        due_now(apart_url)
        wait_for(lambda: not outbox(apart_url))
    refused, taken = sorted(collector.named("POST webhook"), key=lambda span: span.began_ns)
    published = collector.one("publish sentiment")
    for attempt, span in enumerate((refused, taken), 1):
        assert (span.trace, span.parent, span.kind) == (TRACE, published.id, "client")
        assert span.attributes["barometer.attempt"] == attempt
        assert span.attributes["server.address"] == "127.0.0.1"
    assert (refused.attributes["http.response.status_code"], refused.is_failed) == (500, True)
    assert (taken.attributes["http.response.status_code"], taken.is_failed) == (204, False)
    assert {span.trace for span in collector.spans} == {TRACE}


def test_a_webhook_that_may_not_be_sent_is_a_failed_span(
    traced: Traced, collector: Collector, apart_url: str
) -> None:
    with receiving() as receiver, traced(GATEWAY_WEBHOOK_ALLOW="") as gateway, working(apart_url, Rule()):
        create(gateway, "fine", webhook=receiver.url)
        wait_for(lambda: "webhook.failed" in gateway.log.read_text())
    span = collector.one("POST webhook")
    assert (span.is_failed, span.attributes["error.type"]) == (True, "AddressRefused")
    assert "http.response.status_code" not in span.attributes


def test_what_is_refused_is_told_by_its_class(traced: Traced, collector: Collector) -> None:
    with traced(GATEWAY_QUEUE_LIMIT="1") as gateway:
        create(gateway, "fine")
        assert gateway.create("one too many").status_code == 503
    [served] = [span for span in collector.named("POST /v1/predictions") if span.is_failed]
    [published] = [span for span in collector.named("publish sentiment") if span.is_failed]
    assert (served.attributes["http.response.status_code"], served.attributes["error.type"]) == (503, "503")
    assert (published.parent, published.attributes["error.type"]) == (served.id, "QueueFull")


def test_no_text_path_or_query_is_in_any_byte_that_leaves(
    traced: Traced, collector: Collector, apart_url: str
) -> None:
    with receiving() as receiver, traced() as gateway, working(apart_url, Rule()):
        hook = f"{receiver.url}/{CANARY}?token={CANARY}"
        create(gateway, CANARY, webhook=hook, metadata={CANARY: CANARY})
        create(gateway, f"poison {CANARY}", webhook=hook)
        wait_for(lambda: len(receiver.received) == 2)
        wait_for(lambda: not outbox(apart_url))
        gateway.http.get(f"/v1/predictions/{CANARY}?text={CANARY}")
        gateway.http.get(f"/{CANARY}")
        gateway.http.request(CANARY, "/v1/predictions")
        gateway.http.post("/v1/predictions", content=f'{{"input": {{"text": "{CANARY}"')
    names = {span.name for span in collector.spans}
    assert names >= {"publish sentiment", "POST webhook", "GET /v1/predictions/{id}", "GET"}
    assert CANARY.encode() not in collector.received.lower()


def test_probes_are_not_traced(traced: Traced, collector: Collector) -> None:
    with traced() as gateway:
        for path in ("/livez", "/readyz", "/metrics", "/v1/alerts"):
            gateway.http.get(path)
    assert [span.name for span in collector.spans] == ["GET /v1/alerts"]


def test_without_an_exporter_nothing_of_it_is_loaded_and_nothing_stored(
    start: Start, apart_url: str, collector: Collector
) -> None:
    script = """
import sys
from gateway.app import served
from gateway.settings import Settings
loaded = {"telemetry.exporting", "opentelemetry.sdk.trace"} & set(sys.modules)
print(type(served(Settings())).__name__, *loaded)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["Edge"]
    with start() as gateway:
        assert "trace" not in record(apart_url, create(gateway, "fine"))


@pytest.mark.parametrize("fault", ["refused", "hangs", "429"])
def test_a_collector_that_is_away_harms_no_prediction_and_holds_no_exit(
    traced: Traced, start: Start, collector: Collector, apart_url: str, fault: str
) -> None:
    settings = {"OTEL_BSP_SCHEDULE_DELAY": "50"}
    if fault == "refused":
        settings["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{free_port()}"
    else:
        settings["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.endpoint
        collector.is_hanging = fault == "hangs"
        collector.status = 200 if fault == "hangs" else int(fault)
    with ExitStack() as stack:
        stack.enter_context(working(apart_url, Rule()))
        gateway = stack.enter_context(start(**settings))
        create(gateway, "fine")
        if fault == "hangs":
            wait_for(lambda: collector.requests)
        else:
            wait_for(lambda: "traces.away" in gateway.log.read_text())
        for _ in range(20):
            assert gateway.create("fine", prefer="wait").json()["status"] == "succeeded"
        begun = time.monotonic()
        gateway.process.terminate()
        gateway.process.wait(60)
        assert time.monotonic() - begun < CLOSED_WITHIN_S
    assert gateway.log.read_text().count("traces.away") <= 1, "said again and again"
    assert collector.spans == []


def test_application_insights_shows_request_queue_and_webhook_as_one_operation(
    start: Start, apart_url: str
) -> None:
    with (
        ingestion() as peer,
        receiving() as receiver,
        start(APPLICATIONINSIGHTS_CONNECTION_STRING=peer.connection_string) as gateway,
        working(apart_url, Rule()),
    ):
        create(gateway, CANARY, webhook=f"{receiver.url}?{CANARY}")
        wait_for(lambda: receiver.received)
        wait_for(lambda: not outbox(apart_url))
        gateway.process.terminate()
        gateway.process.wait()
    spans = [e for e in peer.envelopes if e["data"]["baseType"] in ("RequestData", "RemoteDependencyData")]
    assert {envelope["tags"]["ai.operation.id"] for envelope in spans} == {TRACE}
    data = {e["data"]["baseData"]["name"]: e["data"]["baseData"] for e in spans}
    assert set(data) == {"POST /v1/predictions", "publish sentiment", "POST /"}
    assert data["publish sentiment"]["type"] == "Queue Message | redis"
    assert data["publish sentiment"]["target"] == "sentiment"
    webhook = data["POST /"]
    assert (webhook["type"], webhook["target"], webhook["resultCode"]) == (
        "HTTP",
        receiver.url.split("/")[2],
        "204",
    )
    assert data["POST /v1/predictions"]["responseCode"] == "202"
    assert CANARY not in repr(peer.envelopes)
