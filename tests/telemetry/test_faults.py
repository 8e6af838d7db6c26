"""What arrives in Application Insights under each fault, counted against what happened."""

import logging
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import prometheus_client
import pytest

import telemetry
from telemetry.exporting import CLOSE_TIMEOUT_S, KEEP_TIMEOUT_S, Exit
from tests.monitoring.ingestion import FAULTS, Ingestion, ingestion, rested, waiting

#: Six batches of spans: what waits behind the one that fails must be kept too, and soon.
SPANS, EVENTS, ERRORS = 2_600, 100, 10
CLOSED_WITHIN_S = CLOSE_TIMEOUT_S + KEEP_TIMEOUT_S


#: For the exporters 500 is a 429 that names no time.
SOME = [pytest.param(fault, marks=pytest.mark.slow) if fault == "500" else fault for fault in FAULTS]


@pytest.fixture(params=SOME)
def fault(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def peer(fault: str) -> Iterator[Ingestion]:
    with ingestion() as peer:
        peer.fail(fault)
        yield peer


def connect(peer: Ingestion, storage: Path) -> Exit:
    exit = telemetry.connect("barometer-gateway", peer.connection_string, "", storage)
    assert exit is not None
    return exit


def happen(exit: Exit) -> Counter[str]:
    """Let things happen; return them by name."""
    counter = prometheus_client.CollectorRegistry()
    prometheus_client.Counter("things", "", registry=counter).inc(7)
    exit.mirror(counter, ["things_total"])
    for number in range(SPANS):
        exit.tracer.start_span(f"span-{number}").end()
    for number in range(EVENTS):
        exit.event(f"event-{number}", {"number": number})
    for number in range(ERRORS):
        exit.raised(f"error-{number}", ValueError())
    names = [f"span-{i}" for i in range(SPANS)] + [f"event-{i}" for i in range(EVENTS)]
    return Counter([*names, *(f"error-{i}" for i in range(ERRORS)), "things_total"])


def named(envelopes: list[dict[str, Any]]) -> Counter[str]:
    """Envelopes by the name of what they tell."""
    return Counter(name for name in map(_name, envelopes) if name != "after")


def _name(envelope: dict[str, Any]) -> str:
    data = envelope["data"]["baseData"]
    if "metrics" in data:
        return str(data["metrics"][0]["name"])
    return str(data["exceptions"][0]["message"] if "exceptions" in data else data["name"])


def test_what_happened_has_arrived_or_waits_on_disk_and_arrives_later(
    peer: Ingestion, fault: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "telemetry")
    exit = connect(peer, tmp_path)
    happened = happen(exit)
    begun = time.monotonic()
    exit.close()
    took_s = time.monotonic() - begun
    at_once, kept = named(peer.envelopes), named(waiting(tmp_path))
    peer.fail("none")
    rested(tmp_path)
    later = connect(peer, tmp_path)
    later.event("after", {})
    later.close()
    arrived = named(peer.envelopes)
    lost, repeated = happened - arrived, arrived - happened
    print(
        f"{fault}: happened {happened.total()}, arrived at once {at_once.total()}, on disk {kept.total()}, "
        f"lost {lost.total()}, twice {repeated.total()}, closed in {took_s:.1f} s"
    )
    assert took_s < CLOSED_WITHIN_S
    said = [record.getMessage() for record in caplog.records if record.name == "telemetry.azure"]
    assert said == ([] if fault in ("none", "slow", "206") else ["insights.away"])
    if fault == "439":
        # By its meaning, more than was paid for: the requests under way are gone, what came behind is kept.
        assert 0 < lost.total() <= happened.total() - kept.total()
        assert kept
    elif fault == "cut":
        # It was taken and nobody said so: kept, and told twice.
        assert not lost
        assert repeated == at_once
    else:
        assert arrived == happened
        assert at_once + kept == happened
    if fault == "none":
        assert not kept


def test_a_pause_is_as_long_as_the_endpoint_asks_and_ends_with_a_success() -> None:
    from telemetry.pause import LONGEST_S, PAUSE_S, Pause

    pause = Pause()
    assert not pause.is_on(0)
    pause.begin(100)
    assert (pause.is_on(100 + PAUSE_S - 0.1), pause.is_on(100 + PAUSE_S)) == (True, False)
    pause.begin(100, 60)
    pause.begin(101, 1)
    assert (pause.is_on(159), pause.is_on(160)) == (True, False)
    pause.begin(200, 86_400)
    assert not pause.is_on(200 + LONGEST_S)
    pause.begin(600)
    pause.end()
    assert not pause.is_on(600)
