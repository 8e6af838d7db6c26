"""What is wrong right now: each rule pinned, the sample against a real Redis, and the watch on both."""

import shutil
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import pytest

from contract import jobs, keys
from contract.jobs import Lane
from monitoring.alerts import AlertBook
from monitoring.events import now_ms
from monitoring.notices import NoticeBook
from monitoring.rules import conditions
from monitoring.rules.conditions import Sample, Serving
from monitoring.rules.rule import Rule, Severity
from monitoring.sampling import Sampler
from monitoring.settings import Settings
from monitoring.watching import Watch
from tests.monitoring.stream import alert_events, alerts

NO_TIME = timedelta(0)


def rule(threshold: float, name: str = "r", hold_off: timedelta = NO_TIME) -> Rule:
    return Rule(name, threshold, NO_TIME, hold_off, Severity.WARNING)


def serving(
    workers: int = 1,
    waiting: int = 0,
    oldest_s: float = 0,
    *,
    is_expected: bool = False,
    versions: Collection[str] = (),
) -> Serving:
    return Serving(workers, waiting, oldest_s, is_expected, frozenset(versions))


@pytest.mark.parametrize(
    ("finding", "is_broken", "figure"),
    [
        (conditions.queue_age(rule(30), "m", serving(oldest_s=30)), False, 30),
        (conditions.queue_age(rule(30), "m", serving(oldest_s=30.5)), True, 30.5),
        (conditions.no_worker(rule(0), "m", serving(workers=0)), False, 0),
        (conditions.no_worker(rule(0), "m", serving(workers=0, waiting=1)), True, 0),
        (conditions.no_worker(rule(0), "m", serving(workers=0, is_expected=True)), True, 0),
        (conditions.no_worker(rule(0), "m", serving(workers=1, waiting=1)), False, 1),
        (conditions.no_worker(rule(1), "m", serving(workers=1, waiting=1)), True, 1),
        (conditions.versions(rule(1), "m", serving(versions="3")), False, 1),
        (conditions.versions(rule(1), "m", serving(versions="34")), True, 2),
        (conditions.webhooks(rule(10), Sample(webhooks_due=10)), False, 10),
        (conditions.webhooks(rule(10), Sample(webhooks_due=11)), True, 11),
        (conditions.notices(rule(120), Sample(notices_late_s=120)), False, 120),
        (conditions.notices(rule(120), Sample(notices_late_s=121)), True, 121),
        (conditions.disk(rule(0.9), "/data", 0.9), False, 0.9),
        (conditions.disk(rule(0.9), "/data", 0.91), True, 0.91),
    ],
)
def test_a_figure_beyond_its_threshold_is_found(finding, is_broken, figure):
    assert (finding.is_broken, finding.figure) == (is_broken, figure)


def enqueue(client, id: str, age_s: float, lane: Lane = Lane.DEFAULT, model: str = "sentiment") -> None:
    """Put a job into a queue as the gateway does."""
    at = datetime.fromtimestamp(now_ms(client) / 1000 - age_s, UTC)
    queue = keys.queue(jobs.queue_name(model, lane))
    client.hset(keys.job(id), "created_at", at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
    client.rpush(queue, id)
    client.sadd(keys.QUEUES, queue)


def test_a_sample_tells_what_waits_who_works_and_what_is_due(client, tmp_path):
    enqueue(client, "old", 90)
    enqueue(client, "young", 10)
    enqueue(client, "urgent", 20, Lane.HIGH)
    enqueue(client, "bulk", 900, Lane.BULK, model="tone")
    client.sadd(keys.QUEUES, keys.queue("training"))
    client.sadd(keys.workers("tone"), "rq:worker:a", "rq:worker:dead")
    client.hset("rq:worker:a", "birth", "x")
    now = now_ms(client) / 1000
    client.zadd(keys.OUTBOX, {"p1": now - 1, "p2": now - 100, "retried": now + 100})
    NoticeBook(client).add(["slack-1"], "alert.fired", "a1", now - 30)
    sample = Sampler(client, ["sentiment", "new"], [tmp_path, tmp_path / "none"]).sample()
    assert sample.models == {
        "new": serving(workers=0, is_expected=True),
        "sentiment": serving(workers=0, waiting=3, oldest_s=pytest.approx(90, abs=5), is_expected=True),
        "tone": serving(workers=1, waiting=1),
    }
    assert sample.webhooks_due == 2
    assert sample.notices_late_s == pytest.approx(30, abs=5)
    usage = shutil.disk_usage(tmp_path)
    assert sample.disks == {str(tmp_path): pytest.approx(usage.used / (usage.used + usage.free), abs=0.02)}


def test_versions_are_those_of_live_workers_that_have_said_theirs(client):
    for worker, version in (("a", "3"), ("b", "3"), ("c", "4"), ("silent", None)):
        client.sadd(keys.workers("tone"), f"rq:worker:{worker}")
        client.hset(
            f"rq:worker:{worker}", mapping={"birth": "x", **({keys.SERVING: version} if version else {})}
        )
    client.sadd(keys.workers("tone"), "rq:worker:dead")
    sampler = Sampler(client, ["tone"], [])
    assert sampler.sample().models["tone"] == serving(workers=4, is_expected=True, versions=("3", "4"))
    client.delete("rq:worker:c")
    assert sampler.sample().models["tone"] == serving(workers=3, is_expected=True, versions=("3",))


def test_a_condition_that_is_watched_fires_once_survives_a_restart_and_ends(client):
    age = rule(30, "queue_age")
    state = {"oldest_s": 99.0}

    def watch() -> Watch:
        return Watch(
            client, {"queue_age"}, lambda: [conditions.queue_age(age, "m", serving(waiting=2, **state))]
        )

    first, second = watch(), watch()
    for one in (first, first, second, second, watch()):
        one()
    (alert,) = alerts(client)
    assert alert.summary == "2 predictions wait for m, the first of them for 99 s (limit 30 s)"
    state["oldest_s"] = 1.0
    second()
    watch()()
    assert [type for type, _ in alert_events(client)] == ["alert.fired", "alert.resolved"]
    assert alerts(client)[0].resolved_at


def test_a_watch_takes_over_only_alerts_of_its_own_rules(client):
    watch = Watch(client, {"disk"}, list)
    age = rule(30, "queue_age")
    Watch(client, {"queue_age"}, lambda: [conditions.queue_age(age, "m", serving(oldest_s=99))])()
    watch()
    assert [alert.resolved_at for alert in AlertBook(client).newest()] == [None]


def test_every_rule_of_the_settings_is_judged():
    everything = Settings().conditions()
    sample = Sample(models={"m": serving()}, disks={"/": 0.5})
    assert {finding.rule.name for finding in everything.judge(sample)} == everything.names
    assert not any(finding.is_broken for finding in everything.judge(sample))
