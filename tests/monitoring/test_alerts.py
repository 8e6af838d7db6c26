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
    count=4, threshold=3, window_s=300.0, fired_at=1700000000.003,
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
