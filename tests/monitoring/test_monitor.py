"""Ticks against a real Redis: what fires, when it says it did, and what a restart changes."""

import logging
from dataclasses import replace

import pytest
import redis

from contract import keys
from contract.alerts import Alert
from contract.events import EVENTS_KEPT
from monitoring import events
from monitoring.alerts import AlertBook
from monitoring.monitor import CURSOR
from monitoring.rule import By
from monitoring.service import Job
from tests.monitoring.stream import (
    CANARY,
    SPAN_MS,
    alert_events,
    alerts,
    burst,
    minutes_ago,
    monitor,
    predict,
)  # fmt: skip


def named(caplog: pytest.LogCaptureFixture, event: str) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.getMessage() == event]


def test_the_fourth_negative_within_five_minutes_fires_one_alert_at_its_own_time(client, caplog):
    at = minutes_ago(client, 1)
    ids = burst(client, at, count=6)
    watch = monitor(client)
    watch.tick()
    watch.tick()
    (alert,) = alerts(client)
    assert alert == Alert(
        id=f"negatives-sentiment-{ids[3]}", rule="negatives", severity="warning",
        summary="4 negative results of sentiment within 300 s (limit 3)",
        count=4, threshold=3, window_s=300.0, fired_at=(at + 3) / 1000, subject="sentiment",
    )  # fmt: skip
    assert alert_events(client) == [("alert.fired", alert.id)]
    assert client.zscore(keys.ALERTS, alert.id) == alert.fired_at
    assert [record.id for record in named(caplog, "alert.fired")] == [alert.id]


def test_three_negatives_and_many_positives_fire_nothing(client):
    at = minutes_ago(client, 1)
    burst(client, at, count=3)
    for i in range(10):
        predict(client, at + 10 + i, label="positive")
    monitor(client).tick()
    assert alerts(client) == []


def test_a_key_and_all_models_together_have_windows_if_asked_for(client):
    at = minutes_ago(client, 1)
    for i, (model, owner) in enumerate(
        [("a", "key_1"), ("a", ""), ("b", "key_1"), ("a", "key_1"), ("a", "key_1")]
    ):
        predict(client, at + i, model=model, owner=owner)
    predict(client, at + 9, model="a", owner="key_1")
    monitor(client, by=(By.KEY, By.ALL)).tick()
    assert {(alert.subject, alert.fired_at, alert.summary) for alert in alerts(client)} == {
        ("*", (at + 3) / 1000, "4 negative results of all models within 300 s (limit 3)"),
        ("a:key_1", (at + 9) / 1000, "4 negative results of a for key key_1 within 300 s (limit 3)"),
    }


def test_too_many_failures_fire_and_the_alert_goes_on_after_a_restart(client):
    at = minutes_ago(client, 30)
    client.set(CURSOR, f"{at}-0")
    for minute in range(3):
        for i in range(20):
            fields = {"v": "1", "type": "prediction.failed", "id": f"p{minute}-{i}", "model": "sentiment",
                      "created_at": "1.0", "completed_at": "1.5", "status": "failed"}  # fmt: skip
            client.xadd(keys.EVENTS, fields, id=f"{at + minute * 60_000 + 1}-{i}")
    monitor(client).tick()
    (alert,) = alerts(client)
    first = -(-(at + 1) // 10_000) * 10_000
    assert (alert.rule, alert.subject, alert.count, alert.threshold) == ("error_rate", "sentiment", 1, 0.05)
    # It has lasted for a minute; the last failures leave after five, and are gone for a minute.
    assert alert.fired_at * 1000 == first + 60_000
    assert alert.resolved_at * 1000 == first + 2 * 60_000 + SPAN_MS + 60_000
    before = alert_events(client)
    for cursor in (at, at + 65_000, at + 150_000):
        client.set(CURSOR, f"{cursor}-0")
        monitor(client).tick()
    assert (alerts(client), alert_events(client)) == ([alert], before)


def test_each_model_has_a_window_of_its_own(client):
    at = minutes_ago(client, 1)
    burst(client, at, count=3, model="sentiment")
    burst(client, at + 10, count=4, model="tone-2-x")
    monitor(client).tick()
    assert [alert.id for alert in alerts(client)] == [f"negatives-tone-2-x-{at + 13}-0"]


def test_other_events_are_ignored(client, caplog):
    for type in ("prediction.canceled", "batch.completed", "model.promoted", "drift.detected"):
        client.xadd(keys.EVENTS, {"v": "1", "type": type})
    monitor(client).tick()
    assert not named(caplog, "event.malformed")


def test_an_alert_resolves_at_the_time_its_event_left_not_at_the_tick(client, caplog):
    at = minutes_ago(client, 20)
    client.set(CURSOR, "1-0")
    ids = burst(client, at)
    watch = monitor(client)
    watch.tick()
    watch.tick()
    (alert,) = alerts(client)
    assert (alert.fired_at, alert.resolved_at) == ((at + 3) / 1000, (at + SPAN_MS) / 1000)
    id = f"negatives-sentiment-{ids[3]}"
    assert alert_events(client) == [("alert.fired", id), ("alert.resolved", id)]
    assert len(named(caplog, "alert.resolved")) == 1


def test_an_alert_due_while_monitoring_was_down_is_fired_once_at_its_true_time(client):
    burst(client, minutes_ago(client, 40), count=2)
    client.set(CURSOR, "1-0")
    first = monitor(client)
    first.tick()
    assert alerts(client) == []
    at = minutes_ago(client, 20)
    burst(client, at)
    for _ in range(2):
        monitor(client).tick()
    assert [alert.fired_at for alert in alerts(client)] == [(at + 3) / 1000]


def test_a_burst_across_the_restart_is_one_burst(client):
    at = minutes_ago(client, 2)
    burst(client, at, count=3)
    monitor(client).tick()
    predict(client, at + 60_000)
    monitor(client).tick()
    assert [alert.fired_at for alert in alerts(client)] == [(at + 60_000) / 1000]


def test_a_restart_rebuilds_the_window_from_several_batches(client):
    at = minutes_ago(client, 2)
    with client.pipeline() as pipe:
        for i in range(events.BATCH + 10):
            predict(pipe, at, i, label="positive")
        pipe.execute()
    burst(client, at + 10, count=3)
    monitor(client).tick()
    predict(client, at + 60_000)
    monitor(client).tick()
    assert [alert.fired_at for alert in alerts(client)] == [(at + 60_000) / 1000]


@pytest.mark.parametrize("model", ["sentiment", "tone-2-x"])
def test_an_open_alert_is_not_fired_again_after_a_restart(client, model):
    burst(client, minutes_ago(client, 1), model=model)
    monitor(client).tick()
    now = minutes_ago(client, 0)
    for i in range(5):
        predict(client, now + 1_000 + i, model=model)
        monitor(client).tick()
    assert len(alerts(client)) == 1
    assert len(alert_events(client)) == 1


def test_an_alert_that_ended_while_monitoring_was_down_is_resolved(client):
    at = minutes_ago(client, 20)
    ids = burst(client, at)
    client.set(CURSOR, ids[3])
    still_open = Alert(
        id=f"negatives-sentiment-{ids[3]}", rule="negatives", severity="warning", summary="four",
        count=4, threshold=3, window_s=300.0, fired_at=(at + 3) / 1000, subject="sentiment",
    )  # fmt: skip
    AlertBook(client).record(still_open)
    monitor(client).tick()
    assert alerts(client) == [replace(still_open, resolved_at=(at + SPAN_MS) / 1000)]


@pytest.mark.parametrize("cursor", [None, "1-0"])
def test_a_crash_before_the_cursor_is_saved_repeats_work_and_no_alert(client, cursor):
    client.set(CURSOR, "1-0")
    burst(client, minutes_ago(client, 20))
    burst(client, minutes_ago(client, 1), count=9)
    monitor(client).tick()
    before = (alerts(client), alert_events(client))
    assert len(before[1]) == 3
    client.delete(CURSOR)
    if cursor:
        client.set(CURSOR, cursor)
    monitor(client).tick()
    assert (alerts(client), alert_events(client)) == before


def test_an_alert_written_before_a_crash_stays_open_when_its_events_are_judged_again(client):
    at = minutes_ago(client, 20)
    burst(client, at, count=3)
    cursor = predict(client, at + 10, label="positive")
    burst(client, minutes_ago(client, 1))
    client.set(CURSOR, cursor)
    monitor(client).tick()
    client.set(CURSOR, cursor)
    monitor(client).tick()
    assert [alert.resolved_at for alert in alerts(client)] == [None]
    assert len(alert_events(client)) == 1


def test_a_resolution_written_before_a_crash_is_not_followed_by_a_false_alert(client):
    start = minutes_ago(client, 30)
    client.set(CURSOR, "1-0")
    burst(client, start)
    still_open = predict(client, start + SPAN_MS - 1_000)
    after = predict(client, start + SPAN_MS + 60_000)
    monitor(client).tick()
    assert [alert.resolved_at for alert in alerts(client)] == [(start + SPAN_MS + 1) / 1000]
    for cursor in (f"{start + 4}-0", still_open, after):
        client.set(CURSOR, cursor)
        monitor(client).tick()
    assert len(alerts(client)) == 1
    assert len(alert_events(client)) == 2


def test_a_malformed_entry_is_logged_by_its_id_and_skipped(client, caplog):
    at = minutes_ago(client, 1)
    burst(client, at, count=3)
    good = {"v": "1", "type": "prediction.succeeded", "label": "negative", "output": CANARY}
    bad = [
        client.xadd(keys.EVENTS, good, id=f"{at + 10}-0"),
        client.xadd(keys.EVENTS, {"v": "1", "label": CANARY}, id=f"{at + 11}-0"),
        client.xadd(keys.EVENTS, {"type": "prediction.succeeded", "model": "m"}, id=f"{at + 12}-0"),
        client.xadd(keys.EVENTS, {"type": "alert.fired", "summary": CANARY}, id=f"{at + 13}-0"),
    ]
    client.execute_command("XADD", keys.EVENTS, f"{at + 14}-0", "type", b"\xff\xfe")
    predict(client, at + 20)
    monitor(client).tick()
    assert [record.entry for record in named(caplog, "event.malformed")] == bad
    assert len(alerts(client)) == 1


def test_a_backlog_of_several_batches_is_drained_in_one_tick(client):
    at = minutes_ago(client, 1)
    with client.pipeline() as pipe:
        for i in range(events.BATCH + 1_000):
            predict(pipe, at, i, label="positive")
        pipe.execute()
    ids = [predict(client, at + 1, i) for i in range(4)]
    monitor(client).tick()
    assert [alert.id for alert in alerts(client)] == [f"negatives-sentiment-{ids[3]}"]
    assert client.get(CURSOR) == client.xrevrange(keys.EVENTS, count=1)[0][0]


def test_entries_that_the_stream_dropped_unjudged_are_reported(client, caplog):
    client.xadd(keys.EVENTS, {"type": "x"}, id="10-1")
    client.set(CURSOR, "5-0")
    monitor(client).tick()
    assert not named(caplog, "events.missed")
    fill = "for i = 2, ARGV[1] do redis.call('XADD', KEYS[1], '10-' .. i, 'type', 'x') end"
    client.eval(fill, 1, keys.EVENTS, EVENTS_KEPT)
    client.set(CURSOR, "5-0")
    for _ in range(2):
        monitor(client).tick()
    (record,) = named(caplog, "events.missed")
    assert (record.after, record.before) == ("5-0", "10-1")


def test_each_tick_renews_a_heartbeat_that_expires(client):
    monitor(client).tick()
    assert 0 < client.ttl(keys.MONITORING_HEARTBEAT) <= 10


def test_a_full_redis_delays_an_alert_and_loses_none(redis_server):
    with events.connect(redis_server.url) as client:
        watch = monitor(client)
        watch.tick()
        at = minutes_ago(client, 1)
        burst(client, at)
        client.config_set("maxmemory", "1")
        for _ in range(2):
            with pytest.raises(redis.ResponseError):
                watch.tick()
        client.config_set("maxmemory", "0")
        watch.tick()
        assert [alert.fired_at for alert in alerts(client)] == [(at + 3) / 1000]
        assert len(alert_events(client)) == 1


def test_redis_away_is_said_once_and_nothing_is_lost(redis_server, caplog):
    caplog.set_level(logging.INFO)
    with events.connect(redis_server.url) as client:
        job = Job(monitor(client))
        job()
        at = minutes_ago(client, 1)
        burst(client, at, count=2)
        job()
        predict(client, at + 10)
        redis_server.kill()
        for _ in range(3):
            job()
        redis_server.start()
        predict(client, at + 20)
        job()
        job()
        assert [alert.fired_at for alert in alerts(client)] == [(at + 20) / 1000]
    said = [r.getMessage() for r in caplog.records if r.name == "monitoring.service"]
    assert said == ["monitoring.ready", "redis.away", "redis.back"]
