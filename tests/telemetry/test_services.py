"""What Application Insights receives from the services, counted against what was done to them."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis

import telemetry
from contract import keys
from gateway.store import ESSENTIAL
from tests.conftest import RedisServer, serve
from tests.gateway.conftest import Gateway, running
from tests.gateway.receiver import receiving
from tests.gateway.test_webhooks import outbox
from tests.monitoring.ingestion import FAULTS, Ingestion, eventually, ingestion, rested, waiting
from tests.working import Rule, wait_for, working
from worker.logging import TOLD
from worker.metrics import SENT
from worker.tracing import TracedMetrics

CANARY = "quokkaberry"
#: A record whose times cannot be read: the error quotes what they hold.
BROKEN = (*ESSENTIAL, "created_at", "started_at")


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    yield from serve("embedded")


@pytest.fixture
def url(server: RedisServer) -> str:
    with redis.Redis.from_url(server.url) as client:
        client.flushall()
    return server.url


@contextmanager
def monitoring(url: str, **settings: str) -> Iterator[None]:
    """A monitoring process, stopped in the end as an operator stops it."""
    # Beside the Redis server's socket.
    history = Path(urlsplit(url).path).with_name("history.db")
    environment = {
        **os.environ, "REDIS_URL": url, "MONITORING_DATABASE_URL": f"sqlite:///{history}", **settings,
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "monitoring"], env=environment, stderr=subprocess.DEVNULL
    )
    with redis.Redis.from_url(url) as client:
        assert eventually(lambda: bool(client.exists(keys.MONITORING_HEARTBEAT)))
    try:
        yield
    finally:
        process.terminate()
        assert process.wait(30) == 0


@contextmanager
def told_worker(url: str, peer: Ingestion, kept: Path) -> Iterator[None]:
    """A worker with a made-up model, which tells as the process does."""
    exit = telemetry.connect("barometer-worker", peer.connection_string, "", kept)
    assert exit is not None
    metrics = TracedMetrics(exit.tracer, "sentiment")
    exit.listen(TOLD, model="sentiment")
    exit.mirror(metrics.registry, SENT)
    with working(url, Rule(), metrics=metrics):
        yield
    exit.close()


@contextmanager
def told(url: str, peer: Ingestion, folder: Path) -> Iterator[Gateway]:
    """Gateway, worker and monitoring; what waits on disk is under ``folder / "kept"``."""
    folder.joinpath("kept").mkdir()
    settings = {"APPLICATIONINSIGHTS_CONNECTION_STRING": peer.connection_string}
    for service in ("GATEWAY", "MONITORING"):
        settings[f"{service}_TELEMETRY_DIR"] = str(folder / "kept")
    with (
        monitoring(url, **settings),
        told_worker(url, peer, folder / "kept"),
        running(url, folder / "gateway.log", **settings) as gateway,
    ):
        yield gateway


def by_role(peer: Ingestion, kind: str) -> list[tuple[str, dict[str, Any]]]:
    """Role and data of each envelope of a kind."""
    return [
        (envelope["tags"]["ai.cloud.role"].removeprefix("barometer-"), envelope["data"]["baseData"])
        for envelope in peer.envelopes
        if envelope["data"]["baseType"] == kind
    ]


def ended(url: str, count: int) -> None:
    """Wait until so many predictions have ended and monitoring has seen it."""
    with redis.Redis.from_url(url, decode_responses=True) as client:

        def seen() -> bool:
            entries = client.xrange(keys.EVENTS)
            is_read = client.get("barometer:monitoring:cursor") == entries[-1][0] if entries else False
            return is_read and sum(f["type"].startswith("prediction.") for _, f in entries) >= count

        wait_for(seen)


def create(gateway: Gateway, text: str, **options: Any) -> int:
    """Create one; return how often a gateway that came late refused it before."""
    for refused in range(100):
        answer = gateway.create(text, **options)
        if answer.status_code != 503:
            assert answer.status_code == (201 if "prefer" in options else 202), answer.text
            return refused
        time.sleep(0.1)
    raise AssertionError("the gateway takes nothing")


def test_each_request_is_one_row_and_each_prediction_one_operation_across_the_queue(
    url: str, tmp_path: Path
) -> None:
    with ingestion() as peer, receiving() as receiver, told(url, peer, tmp_path) as gateway:
        hook = f"{receiver.url}/{CANARY}?token={CANARY}"
        refused = 0
        for text in (f"fine {CANARY}", *[f"bad {CANARY}"] * 4, f"poison {CANARY}"):
            refused += create(gateway, text, webhook=hook, metadata={CANARY: CANARY})
        gateway.http.get(f"/v1/predictions/{CANARY}?text={CANARY}")
        gateway.http.get("/readyz")
        with redis.Redis.from_url(url) as client:
            client.hset(keys.prediction("broken"), mapping=dict.fromkeys(BROKEN, CANARY))
            assert gateway.http.get("/v1/predictions/broken").status_code == 500
        ended(url, 6)
        wait_for(lambda: len(receiver.received) == 6 and not outbox(url))

    requests = by_role(peer, "RequestData")
    assert sorted((role, one["name"], one["responseCode"], one["success"]) for role, one in requests) == [
        ("gateway", "GET /v1/predictions/{id}", "404", False),
        ("gateway", "GET /v1/predictions/{id}", "500", False),
        *[("gateway", "POST /v1/predictions", "202", True)] * 6,
        *[("gateway", "POST /v1/predictions", "503", False)] * refused,
        ("worker", "process sentiment", "0", False),
        *[("worker", "process sentiment", "0", True)] * 5,
    ]
    # In whole milliseconds: what is refused at once takes none.
    assert all(re.fullmatch(r"0\.00:00:\d\d\.\d{3}", one["duration"]) for _, one in requests)
    assert max(one["duration"] for _, one in requests) > "0.00:00:00.000"

    operations: dict[str, dict[str, str]] = {}
    for envelope in peer.envelopes:
        data = envelope["data"]["baseData"]
        if envelope["data"]["baseType"] in ("RequestData", "RemoteDependencyData"):
            operation = operations.setdefault(envelope["tags"]["ai.operation.id"], {})
            assert data["name"] not in operation, "told twice"
            operation[data["name"]] = (data["id"], envelope["tags"].get("ai.operation.parentId", ""))
    whole = [spans for spans in operations.values() if "process sentiment" in spans]
    assert len(whole) == 6
    for spans in whole:
        assert set(spans) == {"POST /v1/predictions", "publish sentiment", "process sentiment", "POST /"}
        served, published = spans["POST /v1/predictions"][0], spans["publish sentiment"]
        assert published[1] == served
        assert spans["process sentiment"][1] == spans["POST /"][1] == published[0]

    raised = {role: one["exceptions"][0] for role, one in by_role(peer, "ExceptionData")}
    assert len(peer.of("ExceptionData")) == 2
    assert (raised["worker"]["typeName"], raised["worker"]["message"]) == ("ValueError", "prediction.failed")
    assert (raised["gateway"]["typeName"], raised["gateway"]["message"]) == (
        "ValueError",
        "request.failed",
    )
    assert all(".py" in one["stack"] for one in raised.values())
    of_error = {
        e["tags"]["ai.operation.id"] for e in peer.envelopes if e["data"]["baseType"] == "ExceptionData"
    }
    assert of_error <= set(operations)

    assert len(peer.events("barometer.negative")) == 4
    assert len(peer.events("barometer.alert.fired")) == 1
    assert len(peer.events("barometer.gateway.ready")) == len(peer.events("barometer.monitoring.ready")) == 1
    assert peer.metrics("barometer_predictions_accepted_total") == [({}, 6)]
    assert sorted(peer.metrics("barometer_worker_predictions_total"), key=str) == [
        ({"status": "failed"}, 1),
        ({"status": "succeeded"}, 5),
    ]
    assert peer.metrics("barometer_negatives_total") == [({"model": "sentiment"}, 4)]
    assert CANARY.encode() not in peer.received
    assert not waiting(tmp_path / "kept")


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_no_service_is_harmed_and_what_happened_is_told_when_azure_is_back(
    url: str, tmp_path: Path, fault: str
) -> None:
    count = 40
    with ingestion() as peer, ExitStack() as stack:
        peer.fail(fault)
        gateway = stack.enter_context(told(url, peer, tmp_path))
        refused = 0
        for number in range(count):
            refused += create(gateway, f"bad {number}", prefer="wait")
        ended(url, count)
        begun = time.monotonic()
        stack.close()
        stopped_s = time.monotonic() - begun
        kept = waiting(tmp_path / "kept")
        peer.fail("none")
        rested(tmp_path / "kept")
        for _ in range(3):
            # Each sends what ten files hold.
            later = telemetry.connect("later", peer.connection_string, "", tmp_path / "kept")
            assert later is not None
            later.event("later", {})
            later.close()
    rows = [role for role, _ in by_role(peer, "RequestData")]
    arrived = {
        "requests": rows.count("gateway"),
        "predictions": rows.count("worker"),
        "negatives": len(peer.events("barometer.negative")),
        "alerts": len(peer.events("barometer.alert.fired")),
    }
    print(f"{fault}: {arrived}, {len(kept)} had waited on disk; three services stopped in {stopped_s:.1f} s")
    happened = {"requests": count + refused, "predictions": count, "negatives": count, "alerts": 1}
    # One after the other; each waits for one request or two.
    assert stopped_s < 3 * 8
    if fault == "cut":
        assert all(arrived[name] >= happened[name] for name in happened)
    elif fault == "439":
        assert all(arrived[name] <= happened[name] for name in happened)
    else:
        assert arrived == happened
