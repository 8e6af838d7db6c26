"""The exit to Application Insights, against a peer that speaks its ingestion protocol."""

import logging
import socket
from datetime import UTC, datetime

import pytest

from monitoring import telemetry
from monitoring.errors import ConfigurationError
from monitoring.monitor import Monitor
from monitoring.rule import Negative
from monitoring.window import EntryId
from telemetry.events import QUEUED
from tests.monitoring.ingestion import KEY, Ingestion, eventually, ingestion
from tests.monitoring.stream import CANARY, SPAN_MS, alert_events, alerts, burst, minutes_ago, monitor


def fire(client, watch: Monitor, model: str = "sentiment") -> int:
    """Let four negatives fire an alert; return the time of the first."""
    at = minutes_ago(client, 20)
    client.set("barometer:monitoring:cursor", "1-0")
    burst(client, at, model=model)
    watch.tick()
    return at


def test_an_alert_arrives_exactly_once_with_its_properties(client, tmp_path):
    with ingestion() as peer:
        exit = telemetry.connect(peer.connection_string, tmp_path)
        watch = monitor(client, telemetry=exit)
        at = fire(client, watch)
        watch.tick()
        exit.close()
        (fired,) = peer.events("barometer.alert.fired")
        (resolved,) = peer.events("barometer.alert.resolved")
    alert_id = f"negatives-sentiment-{at + 3}-0"
    common = {
        "alert_id": alert_id, "rule": "negatives", "severity": "warning", "count": "4", "threshold": "3",
        "window_s": "300.0", "fired_at": repr((at + 3) / 1000),
        "summary": "4 negative results of sentiment within 300 s (limit 3)",
    }  # fmt: skip
    assert fired.items() >= common.items()
    assert "resolved_at" not in fired
    assert resolved.items() >= {**common, "resolved_at": repr((at + SPAN_MS) / 1000)}.items()


def test_an_event_is_dated_by_the_alert_not_by_its_sending(client, tmp_path):
    with ingestion() as peer:
        exit = telemetry.connect(peer.connection_string, tmp_path)
        at = fire(client, monitor(client, telemetry=exit))
        exit.close()
        times = peer.times("barometer.alert.fired")
    fired_at = datetime.fromtimestamp((at + 3) / 1000, UTC)
    assert [time[:23] for time in times] == [fired_at.isoformat(timespec="milliseconds")[:23]]


def test_every_negative_is_an_event_dated_by_the_stream(client, tmp_path):
    with ingestion() as peer:
        exit = telemetry.connect(peer.connection_string, tmp_path)
        at = fire(client, monitor(client, telemetry=exit), model="tone")
        exit.close()
        told = peer.events("barometer.negative")
        times = peer.times("barometer.negative")
    entries = [(at + i, f"{at + i}-0") for i in range(4)]
    assert [(event["model"], event["event"]) for event in told] == [("tone", entry) for _, entry in entries]
    assert [round(datetime.fromisoformat(time).timestamp() * 1000) for time in times] == [
        ms for ms, _ in entries
    ]


@pytest.mark.slow
def test_a_day_of_negatives_crowds_out_no_alert(client, tmp_path):
    with ingestion() as peer:
        peer.is_hanging = True
        exit = telemetry.connect(peer.connection_string, tmp_path)
        fire(client, monitor(client, telemetry=exit))
        for ms in range(QUEUED + 1_000):
            exit.negative(Negative(EntryId(ms), "sentiment"))
        exit.close()
    waiting = "".join(path.read_text() for path in tmp_path.iterdir())
    assert waiting.count("barometer.alert.fired") == 1


def test_the_negatives_are_counted_by_model(client, tmp_path):
    with ingestion() as peer:
        exit = telemetry.connect(peer.connection_string, tmp_path)
        fire(client, monitor(client, telemetry=exit), model="tone")
        exit.close()
    assert peer.metrics("barometer_negatives_total") == [({"model": "tone"}, 4)]
    assert peer.metrics("barometer_alerts_total") == [({"change": "fired", "rule": "negatives"}, 1)]


def test_no_text_of_a_user_leaves(client, tmp_path):
    with ingestion() as peer:
        exit = telemetry.connect(peer.connection_string, tmp_path)
        fire(client, monitor(client, telemetry=exit))
        exit.close()
        assert peer.envelopes
        assert CANARY not in repr(peer.envelopes)


@pytest.fixture(params=["429", "500", "hang", "refused"])
def broken(request):
    """A connection string of an endpoint that does not take events."""
    if request.param == "refused":
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            yield Ingestion(port=free.getsockname()[1])
        return
    with ingestion() as peer:
        if request.param == "hang":
            peer.is_hanging = True
        else:
            peer.status = int(request.param)
        yield peer


def test_a_broken_endpoint_harms_neither_ticks_nor_alerts_and_the_event_waits_on_disk(
    client, tmp_path, broken, caplog
):
    exit = telemetry.connect(broken.connection_string, tmp_path)
    watch = monitor(client, telemetry=exit)
    fire(client, watch, model="one")
    # The sending thread is now inside its request, or has failed.
    assert eventually(lambda: broken.requests > 0 or any(tmp_path.iterdir()))
    burst(client, minutes_ago(client, 0) + 1_000, model="two")
    watch.tick()
    assert [alert.id.split("-")[1] for alert in alerts(client)] == ["two", "one"]
    assert len(alert_events(client)) == 3
    logged = [r.id.split("-")[1] for r in caplog.records if r.getMessage() == "alert.fired"]
    assert logged == ["one", "two"]
    # A hung endpoint is never released while this waits: closing gives up by itself.
    exit.close()
    assert broken.envelopes == []
    waiting = "".join(path.read_text() for path in tmp_path.iterdir())
    assert waiting.count("barometer.alert.fired") == 2
    assert "negatives-one-" in waiting
    assert "negatives-two-" in waiting


def test_what_waits_on_disk_goes_out_after_the_next_success(client, tmp_path):
    with ingestion() as peer:
        peer.status = 500
        exit = telemetry.connect(peer.connection_string, tmp_path)
        watch = monitor(client, telemetry=exit)
        fire(client, watch, model="one")
        assert eventually(lambda: any(tmp_path.iterdir()))
        exit.close()
        # The file rests for a minute before it is tried again; end that rest.
        for path in tmp_path.iterdir():
            path.rename(str(path).partition("@")[0])
        peer.status = 200
        exit = telemetry.connect(peer.connection_string, tmp_path)
        exit.alert("alert.fired", alerts(client)[0])
        exit.close()
        assert len(peer.events("barometer.alert.fired")) == 2


def test_without_a_connection_string_there_is_no_telemetry_and_the_log_says_so_once(caplog, tmp_path):
    caplog.set_level(logging.INFO)
    exit = telemetry.connect("", tmp_path)
    exit.negative(Negative(EntryId(1), "sentiment"))
    exit.close()
    assert [record.getMessage() for record in caplog.records] == ["telemetry.off"]


@pytest.mark.parametrize(
    "connection_string",
    [
        "nonsense",
        "IngestionEndpoint=http://127.0.0.1:1/",
        f"InstrumentationKey={KEY};",
        f"InstrumentationKey={KEY.replace('4', 'A')}",
        f"InstrumentationKey={KEY};IngestionEndpoint=127.0.0.1",
    ],
)
def test_a_malformed_connection_string_is_refused_without_repeating_it(connection_string, tmp_path):
    with pytest.raises(ConfigurationError) as refused:
        telemetry.connect(connection_string, tmp_path)
    assert "APPLICATIONINSIGHTS_CONNECTION_STRING" in str(refused.value)
    assert connection_string not in str(refused.value)
