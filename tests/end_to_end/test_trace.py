"""One trace, as a real gateway and a real worker tell it to a collector."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.collector import collecting
from tests.conftest import RedisServer, serve
from tests.end_to_end.barometer import REPOSITORY, Barometer, environment
from tests.gateway.conftest import running
from tests.gateway.receiver import receiving
from tests.gateway.test_webhooks import outbox
from tests.working import wait_for

CANARY = "quokkaberry"
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def server() -> Iterator[RedisServer]:
    yield from serve("embedded")


@contextmanager
def worker(log: Path, settings: dict[str, str]) -> Iterator[None]:
    """A worker process, stopped in the end as an operator stops it."""
    with log.open("w") as lines:
        process = subprocess.Popen(
            [sys.executable, "-m", "worker"], env=environment(**settings), cwd=REPOSITORY, stderr=lines
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def test_one_trace_shows_the_way_from_the_request_through_the_queue_to_the_webhook(
    barometer: Barometer, server: RedisServer, tmp_path: Path
) -> None:
    with collecting() as collector, receiving() as receiver:
        exit = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint}
        known = {"REDIS_URL": server.url, "MLFLOW_TRACKING_URI": barometer.mlflow, **exit}
        with (
            running(server.url, tmp_path / "gateway.log", **exit) as gateway,
            worker(tmp_path / "worker.log", known),
        ):
            answer = gateway.http.post(
                "/v1/predictions",
                json={"input": {"text": f"{CANARY} was lovely"}, "webhook": f"{receiver.url}?{CANARY}"},
                headers={"traceparent": f"00-{TRACE}-{PARENT}-01"},
            )
            assert answer.status_code == 202
            wait_for(lambda: receiver.received and not outbox(server.url), seconds=60)
    [batch] = collector.named("batch sentiment")
    path = [
        collector.one(name)
        for name in ("POST /v1/predictions", "publish sentiment", "process sentiment", "POST webhook")
    ]
    served, published, processed, delivered = path
    assert {span.trace for span in path} == {TRACE}
    assert [span.parent for span in path] == [PARENT, served.id, published.id, published.id]
    assert [span.service for span in path] == ["barometer-gateway"] * 2 + [
        "barometer-worker",
        "barometer-gateway",
    ]
    assert (batch.links, processed.links) == ([published.where], [batch.where])
    assert served.began_ns <= published.began_ns <= processed.began_ns <= delivered.began_ns
    assert len(collector.spans) == 5
    assert CANARY.encode() not in collector.received
    for log in ("gateway.log", "worker.log"):
        assert CANARY not in (tmp_path / log).read_text()
