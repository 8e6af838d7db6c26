"""Alerts in Redis: one record and one event for each change, however often it is written."""

from dataclasses import replace

import pytest

from contract import keys
from contract.alerts import Alert
from contract.events import Event
from monitoring.alerts import ALERTS_KEPT, AlertBook
from tests.monitoring.stream import alert_events

FIRED = Alert(
    id="negatives-sentiment-1700000000000-3", rule="negatives", severity="warning", summary="four",
    count=4, threshold=3, window_s=300.0, fired_at=1700000000.003, subject="sentiment",
)  # fmt: skip
RESOLVED = replace(FIRED, resolved_at=1700000300.5)


def test_an_alert_is_written_with_its_event_and_only_once(client):
    book = AlertBook(client)
    assert [book.record(FIRED) for _ in range(3)] == [True, False, False]
    assert book.newest() == [FIRED]
    ((entry, fields),) = client.xrange(keys.EVENTS)
    assert Event.from_entry(entry, fields).type == "alert.fired"
    assert Alert.from_hash(fields) == FIRED


def test_an_alert_resolves_only_once_and_is_not_fired_again_by_an_old_write(client):
    book = AlertBook(client)
    changes = (FIRED, RESOLVED, replace(RESOLVED, resolved_at=1.0), FIRED)
    assert [book.record(alert) for alert in changes] == [True, True, False, False]
    assert book.newest() == [RESOLVED]
    assert [type for type, _ in alert_events(client)] == ["alert.fired", "alert.resolved"]


def test_an_alert_that_is_not_kept_any_more_is_not_resolved(client):
    assert not AlertBook(client).record(RESOLVED)
    assert client.keys("*") == []


@pytest.mark.parametrize("surplus", [1, 5])
def test_the_newest_thousand_are_kept(client, surplus):
    book = AlertBook(client)
    for i in range(ALERTS_KEPT + surplus):
        book.record(replace(FIRED, id=f"negatives-m-{i}-0", fired_at=float(i)))
    assert client.zcard(keys.ALERTS) == ALERTS_KEPT
    assert len(client.keys(keys.alert("*"))) == ALERTS_KEPT
    assert not client.exists(keys.alert(f"negatives-m-{surplus - 1}-0"))
    assert [alert.fired_at for alert in book.newest(2)] == [
        ALERTS_KEPT + surplus - 1,
        ALERTS_KEPT + surplus - 2,
    ]


def test_an_alert_is_taken_on_once_and_keeps_who_did_to_its_end(client):
    book = AlertBook(client)
    book.record(FIRED)
    assert [book.acknowledge(FIRED.id, by) for by in ("anna", "ben")] == [True, False]
    assert book.acknowledge("unknown", "anna") is None
    book.record(RESOLVED)
    (alert,) = book.newest()
    assert (alert.acknowledged_by, alert.resolved_at) == ("anna", RESOLVED.resolved_at)
    assert alert.acknowledged_at
    told = [Alert.from_hash(fields) for _, fields in client.xrange(keys.EVENTS)]
    assert [type for type, _ in alert_events(client)] == [
        "alert.fired",
        "alert.acknowledged",
        "alert.resolved",
    ]
    assert [one.acknowledged_by for one in told] == ["", "anna", "anna"]


@pytest.mark.parametrize(
    ("rule", "subject", "for_s", "is_silent"),
    [
        ("negatives", "", 60, True),
        ("negatives", "sentiment", 60, True),
        ("negatives", "tone", 60, False),
        ("latency", "", 60, False),
        ("negatives", "", 0, False),
    ],
)
def test_in_a_silence_an_alert_is_kept_and_nobody_is_told(client, rule, subject, for_s, is_silent):
    book = AlertBook(client)
    for type in ("alert.fired", "alert.resolved"):
        client.sadd(keys.subscribed(keys.EVERYBODY, type), "ep_1")
    until = book.silence(rule, subject, for_s)
    book.record(FIRED)
    book.silence(rule, subject, 0)
    book.record(RESOLVED)
    (alert,) = book.newest()
    assert alert.resolved_at == RESOLVED.resolved_at
    assert alert.silenced_until == (pytest.approx(until, abs=0.01) if is_silent else None)
    assert client.zcard(keys.OUTBOX) == (0 if is_silent else 2)
    assert book.silences() == {}
