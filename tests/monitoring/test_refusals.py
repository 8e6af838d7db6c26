"""A refused model: which alerts the rule makes, pinned, and that they survive a restart of monitoring."""

from dataclasses import replace

import pytest
import redis

from contract import keys
from contract.alerts import Alert
from monitoring.monitor import CURSOR
from monitoring.refusals import Origin, RefusalsRule, Refused, Serving, alert_id, is_open_at, origin
from monitoring.window import EntryId
from tests.monitoring.stream import alert_events, alerts, minutes_ago, monitor

A, B = "ip-10-0-0-7.12.ab", "ip-10-0-0-8.13.cd"


def refused(ms: int, version: str = "2", worker: str = A, model: str = "sentiment") -> Refused:
    return Refused(entry=EntryId(ms), model=model, version=version, worker=worker, reason="canary")


def serving(ms: int, version: str, worker: str = A, model: str = "sentiment") -> Serving:
    return Serving(entry=EntryId(ms), model=model, version=version, worker=worker)


def changes(*told: Refused | Serving) -> list[tuple[int, float, float | None]]:
    """Feed a rule; return each change with the index of what made it, and when it says it fired and ended."""
    rule = RefusalsRule()
    return [(i, a.fired_at, a.resolved_at) for i, one in enumerate(told) for a in rule.update(one)]


def test_a_refusal_is_an_alert_that_says_what_who_and_why():
    [alert] = RefusalsRule().update(refused(5_000))
    assert alert == Alert(
        id=f"model_refused-sentiment-2-{A}-5000-0", rule="model_refused", severity="warning",
        summary=f"Version 2 of sentiment must not serve: worker {A} refused it (canary)",
        count=1, threshold=0, window_s=0.0, fired_at=5.0, subject="sentiment",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        pytest.param([refused(1000), refused(2000, worker=B)], [(0, 1, None)], id="one for all workers"),
        pytest.param([refused(1000), refused(2000)], [(0, 1, None)], id="a refusal told twice is one"),
        pytest.param(
            [refused(1000), refused(2000, "3")], [(0, 1, None), (1, 2, None)], id="each version has its own"
        ),
        pytest.param(
            [refused(1000), refused(2000, model="tone")],
            [(0, 1, None), (1, 2, None)],
            id="each model has its own",
        ),
        pytest.param(
            [refused(1000), serving(2000, "1", B)], [(0, 1, None), (1, 1, 2)], id="another version ends it"
        ),
        pytest.param(
            [refused(1000), serving(2000, "2", B)],
            [(0, 1, None)],
            id="that another worker can serve it does not help the one that cannot",
        ),
        pytest.param(
            [refused(1000), serving(2000, "2")], [(0, 1, None), (1, 1, 2)], id="serving it after all ends it"
        ),
        pytest.param(
            [refused(1000), serving(2000, "1", model="tone")], [(0, 1, None)], id="not of its model"
        ),
        pytest.param(
            [refused(1000), refused(2000, "3"), serving(3000, "4")],
            [(0, 1, None), (1, 2, None), (2, 1, 3), (2, 2, 3)],
            id="one version ends all",
        ),
        pytest.param(
            [refused(1000), serving(2000, "1"), refused(3000)],
            [(0, 1, None), (1, 1, 2), (2, 3, None)],
            id="the same worker refusing it anew is a new alert",
        ),
        pytest.param([serving(1000, "1")], [], id="a quiet start is none"),
    ],
)
def test_exactly_these_alerts_fire_and_end(told, expected):
    assert changes(*told) == expected


def test_the_same_worker_refusing_anew_makes_another_id():
    rule = RefusalsRule()
    [first] = rule.update(refused(1000))
    rule.update(serving(2000, "1"))
    [second] = rule.update(refused(3000))
    assert first.id != second.id


@pytest.mark.parametrize("model", ["sentiment", "tone-2-x", "50% off-2", "ton fall"])
@pytest.mark.parametrize("worker", [A, "host.1.ab", "tone-2-x-3-4"])
def test_an_id_gives_back_what_it_was_made_of_whatever_the_names(model, worker):
    made_of = Origin(model, "12", worker, EntryId(1_700_000_000_000, 3))
    [alert] = RefusalsRule().update(refused(1000, model=model))
    assert origin(replace(alert, id=alert_id(made_of))) == made_of
    assert " " not in alert_id(made_of)


def test_a_rule_restored_from_its_open_alerts_goes_on_as_if_nothing_had_been():
    rule = RefusalsRule()
    [alert] = rule.update(refused(1000, model="tone-2-x"))
    restored = RefusalsRule([alert])
    assert restored.update(refused(2000, worker=B, model="tone-2-x")) == []
    assert restored.update(serving(3000, "1", model="tone")) == []
    assert restored.update(serving(4000, "1", B, "tone-2-x")) == [replace(alert, resolved_at=4.0)]


@pytest.mark.parametrize(
    ("cursor", "resolved_at", "expected"),
    [(999, None, False), (1000, None, True), (1500, 2.0, True), (2000, 2.0, False), (2500, 2.0, False)],
)
def test_an_alert_is_open_from_its_entry_to_its_end(cursor, resolved_at, expected):
    [alert] = RefusalsRule().update(refused(1000))
    assert is_open_at(EntryId(cursor), replace(alert, resolved_at=resolved_at)) is expected


def tell(client: redis.Redis, at_ms: int, type: str, version: str, worker: str = A) -> str:
    """Append the event as a worker writes it; return its entry id."""
    reason = "canary" if type == "model.refused" else ""
    fields = {
        "v": "1",
        "type": type,
        "model": "sentiment",
        "version": version,
        "worker": worker,
        "reason": reason,
    }
    return client.xadd(keys.EVENTS, fields, id=f"{at_ms}-0")


def test_an_open_alert_outlives_monitoring_and_the_stream_and_then_ends(client):
    at = minutes_ago(client, 4)
    tell(client, at, "model.refused", "2")
    monitor(client).tick()
    client.xtrim(keys.EVENTS, 0)
    now = minutes_ago(client, 0)
    tell(client, now + 1000, "model.refused", "2", B)
    watch = monitor(client)
    watch.tick()
    [alert] = alerts(client)
    assert (alert.fired_at, alert.resolved_at) == (at / 1000, None)
    tell(client, now + 2000, "model.serving", "1", B)
    monitor(client).tick()
    assert alerts(client) == [replace(alert, resolved_at=(now + 2000) / 1000)]


@pytest.mark.parametrize("judged", [0, 1, 2, 3])
def test_events_read_again_after_a_crash_give_the_same_alerts_once(client, judged):
    client.set(CURSOR, "1-0")
    at = minutes_ago(client, 20)
    entries = [
        tell(client, at, "model.refused", "2"),
        tell(client, at + 1000, "model.refused", "2", B),
        tell(client, at + 2000, "model.serving", "1"),
        tell(client, at + 3000, "model.refused", "2"),
    ]
    monitor(client).tick()
    before = alerts(client), alert_events(client)
    assert [alert.resolved_at for alert in before[0]] == [None, (at + 2000) / 1000]
    assert [type for type, _ in before[1]] == ["alert.fired", "alert.resolved", "alert.fired"]
    client.set(CURSOR, entries[judged])
    monitor(client).tick()
    assert (alerts(client), alert_events(client)) == before


def test_a_refusal_right_after_a_restart_is_seen_when_the_one_before_has_just_ended(client):
    at = minutes_ago(client, 1)
    tell(client, at, "model.refused", "2")
    cursor = tell(client, at + 1000, "model.serving", "1")
    monitor(client).tick()
    client.set(CURSOR, cursor)
    tell(client, minutes_ago(client, 0) + 1000, "model.refused", "2")
    monitor(client).tick()
    assert [alert.resolved_at for alert in alerts(client)] == [None, (at + 1000) / 1000]


def test_a_malformed_entry_is_logged_and_skipped(client, caplog):
    bad = client.xadd(keys.EVENTS, {"v": "1", "type": "model.refused", "model": "sentiment", "version": "2"})
    monitor(client).tick()
    assert [r.entry for r in caplog.records if r.getMessage() == "event.malformed"] == [bad]
    assert alerts(client) == []
