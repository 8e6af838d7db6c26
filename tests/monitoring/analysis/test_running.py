"""From events to reports to alerts: a version that is wrong, or answers otherwise than it did."""

import json
import random
from datetime import timedelta

import pytest

from contract import keys
from monitoring.analysing import Analysis, Reports
from monitoring.analysis.kinds import DATA, DRIFT, ESTIMATE, QUALITY
from monitoring.analysis.running import Plan, analyse
from monitoring.events import now_ms
from monitoring.history.asking import Archive, Version
from monitoring.history.database import transaction
from monitoring.history.tables import predictions
from monitoring.rules.rule import Rule, Severity
from monitoring.watching import Watch
from tests.monitoring.stream import alerts, minutes_ago, predict

PLAN = Plan(window=timedelta(hours=1), quality_window=timedelta(days=7), minimum=100, minimum_labels=30)
NOW = timedelta(0)
QUALITY_RULE = Rule("live_quality", 0.7, NOW, NOW, Severity.WARNING, minimum=50)
ESTIMATE_RULE = Rule("estimated_quality", 0.05, NOW, NOW, Severity.WARNING, minimum=100)
DRIFT_RULE = Rule("drift", 0, NOW, NOW, Severity.WARNING, minimum=100)
LABELS = ("negative", "positive")
V3 = Version("sentiment", "3")


def answer(
    client, at_ms: int, seed: int, count: int, *, negative: float, score: float, version: str = "3"
) -> None:
    """Append answers: a share of negatives, with about this score."""
    chance = random.Random(seed)
    with client.pipeline() as pipe:
        for seq in range(count):
            label, other = LABELS if chance.random() < negative else LABELS[::-1]
            sure = min(0.99, max(0.51, chance.gauss(score, 0.03)))
            scores = [{"label": label, "score": sure}, {"label": other, "score": 1 - sure}]
            output = json.dumps({"label": label, "score": sure, "scores": scores})
            predict(pipe, at_ms, seq, label=label, output=output, version=version,
                    size=str(round(chance.gauss(80, 9))))  # fmt: skip
        pipe.execute()


def judge(client, count: int, right: float, version: str = "3") -> None:
    """Append feedback on negatives, of which a share is right."""
    with client.pipeline() as pipe:
        for i in range(count):
            truth = "negative" if i < count * right else "positive"
            told = {"type": "prediction.feedback", "id": f"j{version}-{i}", "model": "sentiment",
                    "version": version, "label": "negative", "truth": truth, "owner": "",
                    "source": ""}  # fmt: skip
            pipe.xadd(keys.EVENTS, told)
        pipe.execute()


@pytest.fixture
def archive(engine, history) -> Archive:
    return Archive(engine)


def reports(archive: Archive, kind: str) -> dict:
    return dict(archive.newest(kind, 0))


def test_a_version_that_drifts_and_is_wrong_raises_three_alerts_and_one_that_recovers_ends_them(
    client, archive, follower
):
    old, recent = minutes_ago(client, 600), minutes_ago(client, 10)
    answer(client, old, 1, 1_000, negative=0.3, score=0.9)
    follower()
    assert analyse(archive, old + 60_000, PLAN) == [V3]
    answer(client, recent, 2, 400, negative=0.7, score=0.75)
    judge(client, 100, right=0.5)
    follower()
    now = now_ms(client)
    analyse(archive, now, PLAN)
    found = {one["what"]: one["is_drift"] for one in reports(archive, DRIFT)[V3]["drifts"]}
    assert found == {"labels": True, "scores": True, "sizes": False}
    watching = Reports(archive, QUALITY_RULE, ESTIMATE_RULE, DRIFT_RULE)
    watch = Watch(client, watching.names, lambda: watching.findings(now))
    watch()
    said = {alert.rule: alert.summary for alert in alerts(client)}
    assert said.keys() == {"live_quality", "estimated_quality", "drift"}
    assert said["live_quality"] == (
        "50.0% of the 100 answers of sentiment that people judged are right (at most 59.6%, floor 70.0%)"
    )
    assert said["estimated_quality"].startswith("The estimated accuracy of sentiment has fallen from 90.")
    assert said["drift"].startswith("Drift of sentiment since it was new: labels (psi 0.")
    answer(client, now_ms(client) + 50, 3, 1_000, negative=0.3, score=0.9)
    judge(client, 1_000, right=0.9)
    follower()
    analyse(archive, now + 60_000, PLAN)
    watch()
    assert all(alert.resolved_at for alert in alerts(client))


def test_a_version_that_serves_no_more_keeps_no_alert_open(client, archive, follower):
    answer(client, minutes_ago(client, 10), 1, 300, negative=0.3, score=0.9)
    judge(client, 100, right=0.5)
    follower()
    watching = Reports(archive, QUALITY_RULE, ESTIMATE_RULE, DRIFT_RULE)
    watch = Watch(client, watching.names, lambda: watching.findings(now_ms(client)))
    analyse(archive, now_ms(client), PLAN)
    watch()
    answer(client, now_ms(client) + 50, 2, 20, negative=0.3, score=0.9, version="4")
    follower()
    analyse(archive, now_ms(client) + 100, PLAN)
    watch()
    assert [alert.resolved_at for alert in alerts(client)] == [None], "the new one has proved nothing yet"
    judge(client, 100, right=0.9, version="4")
    follower()
    analyse(archive, now_ms(client) + 200, PLAN)
    assert {of.version for of in reports(archive, QUALITY)} == {"3", "4"}, "both are reported on"
    watch()
    watch()
    assert [bool(alert.resolved_at) for alert in alerts(client)] == [True]


def test_a_version_that_answers_as_ever_raises_nothing(client, archive, follower):
    old, recent = minutes_ago(client, 600), minutes_ago(client, 10)
    answer(client, old, 1, 500, negative=0.3, score=0.9)
    answer(client, recent, 2, 500, negative=0.3, score=0.9)
    judge(client, 100, right=0.9)
    follower()
    now = now_ms(client)
    analyse(archive, now, PLAN)
    watching = Reports(archive, QUALITY_RULE, ESTIMATE_RULE, DRIFT_RULE)
    found = list(watching.findings(now))
    assert [(one.rule.name, one.is_broken) for one in found] == [
        ("live_quality", False), ("estimated_quality", False), ("drift", False),
    ]  # fmt: skip


def test_the_reference_is_what_the_version_answered_first_also_when_that_is_forgotten(
    client, archive, follower, engine
):
    answer(client, minutes_ago(client, 600), 1, 200, negative=0.3, score=0.9)
    follower()
    analyse(archive, minutes_ago(client, 595), PLAN)
    reference = archive.reference(V3)
    with transaction(engine) as connection:
        connection.execute(predictions.delete())
    answer(client, minutes_ago(client, 10), 2, 200, negative=0.9, score=0.9)
    follower()
    analyse(archive, now_ms(client), PLAN)
    assert archive.reference(V3) == reference
    assert reports(archive, DRIFT)[V3]["drifts"][0]["is_drift"]


def test_too_few_answers_or_labels_say_nothing(client, archive, follower):
    answer(client, minutes_ago(client, 10), 1, 99, negative=0.3, score=0.9)
    judge(client, 29, right=0.0)
    follower()
    assert analyse(archive, now_ms(client), PLAN) == [V3]
    assert [reports(archive, kind) for kind in (QUALITY, ESTIMATE, DRIFT, DATA)] == [{}, {}, {}, {}]


def test_the_data_are_described_and_texts_compared_only_where_they_are_kept(
    client, archive, follower, engine
):
    answer(client, minutes_ago(client, 10), 1, 200, negative=0.3, score=0.9)
    follower()
    analyse(archive, now_ms(client), PLAN)
    without = reports(archive, DATA)[V3]
    assert (without["rows"], without["empty"], without["repeated"]) == (200, None, None)
    with transaction(engine) as connection:
        connection.execute(predictions.update().values(text="the same words"))
    analyse(archive, now_ms(client) + 1, PLAN)
    assert reports(archive, DATA)[V3]["repeated"] == pytest.approx(0.995)
    assert "texts" in [one["what"] for one in reports(archive, DRIFT)[V3]["drifts"]]


def test_an_analysis_that_fails_is_said_and_one_that_is_stopped_starts_no_more(monkeypatch, caplog, tmp_path):
    monkeypatch.setenv("REDIS_URL", f"unix://{tmp_path}/none.sock")
    monkeypatch.setenv("MONITORING_DATABASE_URL", f"sqlite:///{tmp_path}/history.db")
    analysis = Analysis()
    analysis()
    assert [record.getMessage() for record in caplog.records] == ["analysis.failed"]
    analysis.stop()
    analysis()
    assert len(caplog.records) == 1
