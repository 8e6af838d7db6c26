"""What of a process' log is told, and what is not."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

import telemetry
from telemetry.exporting import Exit
from tests.monitoring.ingestion import Ingestion, ingestion

CANARY = "quokkaberry"

log = logging.getLogger("worker.champion")


@pytest.fixture
def peer() -> Iterator[Ingestion]:
    with ingestion() as peer:
        yield peer


@pytest.fixture
def exit(peer: Ingestion, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Exit:
    """Listens to what is logged from now on; when it is closed, all has arrived."""
    caplog.set_level(logging.INFO)
    exit = telemetry.connect("barometer-worker", peer.connection_string, "", tmp_path)
    assert exit is not None
    exit.listen({"model.swapped": ("version", "previous")}, model="sentiment")
    return exit


def test_named_events_are_told_with_their_named_fields_and_no_others(peer: Ingestion, exit: Exit) -> None:
    log.info("model.swapped", extra={"version": "4", "previous": "3", "text": CANARY})
    log.info("model.loaded", extra={"version": CANARY})
    exit.close()
    (event,) = peer.of("EventData")
    assert event["name"] == "barometer.model.swapped"
    assert event["properties"].items() >= {"model": "sentiment", "version": "4", "previous": "3"}.items()
    assert CANARY.encode() not in peer.received


def test_an_exception_is_its_class_and_its_place_whatever_it_says(peer: Ingestion, exit: Exit) -> None:
    try:
        int(CANARY)
    except ValueError:
        log.exception("model.watch_failed", extra={"text": CANARY})
        logging.getLogger("apscheduler").exception("Job %s raised an exception", CANARY)
        logging.getLogger("rq.worker").exception("%s", CANARY)
        logging.getLogger("azure.core").exception("an echo")
    exit.close()
    told = [data["exceptions"][0] for data in peer.of("ExceptionData")]
    assert [one["message"] for one in told] == ["model.watch_failed", "apscheduler", "rq.worker"]
    assert all(one["typeName"] == "ValueError" and "test_listening.py" in one["stack"] for one in told)
    assert CANARY.encode() not in peer.received


def test_a_record_that_cannot_be_read_harms_nobody_who_logs(
    peer: Ingestion, exit: Exit, capsys: pytest.CaptureFixture[str]
) -> None:
    log.error("model.broken", extra={"error": "ValueError", "frames": 7})
    log.info("model.swapped", extra={"version": "4", "previous": "3"})
    exit.close()
    assert len(peer.of("EventData")) == 1
    assert "Logging error" in capsys.readouterr().err
