"""What a worker tells a collector: a span for each batch, and one for each prediction."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

import telemetry
from telemetry.exporting import Exit
from tests.collector import Collector, collecting
from tests.worker.conftest import submit_to
from tests.working import Rule, wait_for, working
from worker.tracing import TracedMetrics

CANARY = "quokkaberry"
#: More than the 128 links that OpenTelemetry's SDK keeps by itself.
MANY = 140
#: A worker that waited for a silent collector without an end would take half a minute.
CLOSED_WITHIN_S = 12


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as started:
        yield started


@pytest.fixture
def traces(collector: Collector) -> Exit:
    found = telemetry.connect("barometer-worker", "", collector.endpoint)
    assert found is not None
    return found


def published(number: int) -> tuple[str, str]:
    return f"{number + 1:032x}", f"{number + 1:016x}"


def submit(url: str, *texts: str) -> None:
    """Submit each with a trace of its own, as one batch."""
    for number, text in enumerate(texts):
        trace, span = published(number)
        submit_to(url, text, ids=(f"p{number:04}",), trace=f"00-{trace}-{span}-01")


def work(url: str, traces: Exit, count: int, batch_size: int = 256, **options: bool) -> None:
    """Let a worker empty the queue, and send its spans."""
    metrics = TracedMetrics(traces.tracer, "sentiment")
    with working(url, Rule(**options), batch_size=batch_size, metrics=metrics):
        done = metrics.predictions
        wait_for(lambda: sum(done.labels(status)._value.get() for status in ("succeeded", "failed")) == count)
    traces.close()


def test_the_span_of_a_batch_links_every_prediction_in_it(
    redis_url: str, collector: Collector, traces: Exit
) -> None:
    submit(redis_url, *["fine"] * MANY)
    work(redis_url, traces, MANY)
    batch = collector.one("batch sentiment")
    assert set(batch.links) == {published(number) for number in range(MANY)}
    assert (batch.kind, batch.parent, batch.service) == ("internal", "", "barometer-worker")


def test_the_span_of_a_batch_says_what_it_was(redis_url: str, collector: Collector, traces: Exit) -> None:
    submit(redis_url, "x" * 39, "x" * 79)
    work(redis_url, traces, 2, is_padded=True)
    batch = collector.one("batch sentiment")
    assert batch.attributes == {
        "messaging.system": "redis",
        "messaging.destination": "sentiment",
        "messaging.destination.name": "sentiment",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.batch.message_count": 2,
        "barometer.model": "sentiment",
        "barometer.version": "1",
        "barometer.batch_size": 2,
        "barometer.tokens": 10 + 20,
        "barometer.padded": 2 * 20,
        "barometer.release": "empty",
    }


def test_each_prediction_has_a_span_in_its_own_trace_and_it_leads_to_the_batch(
    redis_url: str, collector: Collector, traces: Exit
) -> None:
    submit(redis_url, "fine", "bad", "nice")
    work(redis_url, traces, 3, batch_size=2)
    spans = sorted(collector.named("process sentiment"), key=lambda span: span.trace)
    assert [(span.trace, span.parent) for span in spans] == [published(number) for number in range(3)]
    assert [span.attributes["messaging.message.id"] for span in spans] == ["p0000", "p0001", "p0002"]
    batches = {batch.where: batch for batch in collector.named("batch sentiment")}
    assert len(batches) == 2
    for span in spans:
        [link] = span.links
        assert (span.trace, span.parent) in batches[link].links
        assert span.began_ns <= batches[link].began_ns <= batches[link].ended_ns <= span.ended_ns
        assert span.attributes["barometer.queue_s"] > 0
        assert span.attributes["barometer.inference_s"] > 0


def test_a_failed_prediction_is_a_failed_span_and_no_text_leaves(
    redis_url: str, collector: Collector, traces: Exit
) -> None:
    submit(redis_url, f"poison {CANARY}", f"fine {CANARY}", f"unreadable {CANARY}")
    work(redis_url, traces, 3)
    failed = {
        span.attributes["messaging.message.id"]: span.is_failed for span in collector.spans if span.parent
    }
    assert failed == {"p0000": True, "p0001": False, "p0002": True}
    assert {span.attributes.get("error.type") for span in collector.spans} == {None, "prediction_error"}
    assert CANARY.encode() not in collector.received


def test_what_came_without_a_trace_gets_no_span_of_its_own(
    redis_url: str, collector: Collector, traces: Exit
) -> None:
    submit_to(redis_url, "fine", "nice")
    work(redis_url, traces, 2)
    [batch] = collector.spans
    assert (batch.name, batch.links, batch.attributes["barometer.batch_size"]) == ("batch sentiment", [], 2)


def test_a_collector_that_hangs_holds_neither_the_work_nor_the_end(
    redis_url: str, collector: Collector, traces: Exit
) -> None:
    collector.is_hanging = True
    submit(redis_url, "fine", "nice")
    begun = time.monotonic()
    work(redis_url, traces, 2)
    assert time.monotonic() - begun < CLOSED_WITHIN_S
    assert collector.requests == 1


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4317"}, "worker: OTEL_EXPORTER_OTLP_ENDPOINT: "),
        (
            {"APPLICATIONINSIGHTS_CONNECTION_STRING": "Key=secret"},
            "worker: APPLICATIONINSIGHTS_CONNECTION_STRING is",
        ),
    ],
)
def test_an_exporter_that_is_set_wrongly_is_one_sentence(settings: dict[str, str], sentence: str) -> None:
    command = [sys.executable, "-m", "worker"]
    environment = {**os.environ, **settings}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(sentence)
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr


def test_without_an_exporter_there_is_nothing_to_ask() -> None:
    assert telemetry.connect("barometer-worker", "", "") is None
