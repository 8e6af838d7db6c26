"""What the page is told: the same counts as the rule and the history have, and which part of it is old."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from sqlalchemy import text

from contract import keys, overview
from monitoring.analysis import running
from monitoring.analysis.kinds import QUALITY
from monitoring.analysis.quality import quality
from monitoring.history.asking import Archive, Version
from monitoring.history.figures import Figures
from monitoring.history.following import Follower
from monitoring.history.keeping import History
from monitoring.overview import Publisher
from monitoring.rule import By
from monitoring.showing import Limits
from tests.monitoring.ingestion import eventually
from tests.monitoring.stream import CANARY, burst, minutes_ago, monitor, predict
from tests.monitoring.test_service import running as service

MINUTE_MS = 60_000


class Parts:
    """Monitor, follower and publisher on one Redis and one database, moved by hand."""

    def __init__(self, client: redis.Redis, engine, by=(By.MODEL,)) -> None:
        self.client = client
        self.monitor = monitor(client, by=by)
        self.follower = Follower(client, History(engine), timedelta(days=30))
        limits = Limits(3, 300.0, by)
        self.publisher = Publisher(
            client, self.monitor, self.follower, Figures(engine), limits, ["sentiment"]
        )

    def told(self) -> overview.Overview:
        self.monitor.tick()
        self.follower()
        self.publisher()
        return json.loads(self.client.get(keys.OVERVIEW))


@pytest.fixture
def parts(client, engine) -> Parts:
    return Parts(client, engine)


def end(client, at_ms: int, seq: int, **fields: str) -> None:
    """A prediction that took a tenth of a second."""
    times = {"created_at": f"{at_ms / 1000 - 0.1:.6f}", "completed_at": f"{at_ms / 1000:.6f}"}
    predict(client, at_ms, seq, **{"label": "positive", **times, **fields})


def test_before_anything_has_happened_there_is_an_empty_overview_of_the_expected_models(parts):
    told = parts.told()
    assert told["windows"] == [
        {"subject": "sentiment", "count": 0, "limit": 3, "window_s": 300.0, "times": []}
    ]
    assert told["models"]["sentiment"] == {
        "minutes": [], "hours": [], "quality": [], "accuracy": [], "drift": [], "data": [], "labels": {},
    }  # fmt: skip
    assert told["at"] >= told["history_at"] > told["at"] - 5
    assert 0 < parts.client.ttl(keys.OVERVIEW) <= 3600


def test_a_window_shows_the_whole_count_and_when_the_newest_of_them_happened(client, engine):
    parts = Parts(client, engine, by=(By.MODEL, By.KEY, By.ALL))
    burst(client, minutes_ago(client, 6))
    at = minutes_ago(client, 1)
    for i in range(overview.TIMES + 20):
        predict(client, at + i, model="tone", owner="key_1")
    burst(client, at + 500, count=2)
    windows = {window["subject"]: window for window in parts.told()["windows"]}
    counts = {subject: window["count"] for subject, window in windows.items()}
    assert counts == {"*": 122, "tone": 120, "tone:key_1": 120, "sentiment": 2}
    assert windows["sentiment"]["times"] == [(at + 500) / 1000, (at + 501) / 1000]
    assert len(windows["tone"]["times"]) == overview.TIMES
    assert windows["tone"]["times"][-1] == (at + 119) / 1000


def test_a_monitor_that_was_started_again_shows_the_same_windows(client, engine):
    burst(client, minutes_ago(client, 1), count=7)
    first = Parts(client, engine).told()["windows"]
    again = Parts(client, engine).told()["windows"]
    assert [window["count"] for window in first] == [7]
    assert again == first


def test_minutes_hours_and_labels_count_what_ended(client, parts):
    now = minutes_ago(client, 0)
    at = now - now % MINUTE_MS - 5 * MINUTE_MS
    end(client, at, 0)
    end(client, at, 1, label="negative")
    end(client, at + 1, 0, status="failed", type="prediction.failed", error_code="x")
    end(client, at + 2, 0, status="canceled", type="prediction.canceled", created_at="1.0")
    end(client, at + 3, 0, batch="b1", created_at="1.0")
    end(client, at + 2 * MINUTE_MS, 0, batch="b1")
    model = parts.told()["models"]["sentiment"]
    first, second = model["minutes"]
    p50 = first["p50_s"]
    assert p50 == pytest.approx(0.1, rel=0.05)
    assert first == {"at": at // 1000, "succeeded": 3, "failed": 1, "canceled": 1, "negative": 1,
                     "p50_s": p50, "p95_s": p50, "p99_s": p50}  # fmt: skip
    assert (second["at"], second["succeeded"], second["p50_s"]) == (at // 1000 + 120, 1, None)
    assert sum(hour["ended"] for hour in model["hours"]) == 6
    assert model["labels"] == {"positive": 3, "negative": 1}


def test_the_present_minute_goes_on_between_two_rounds_and_older_ones_leave(client, parts):
    now = minutes_ago(client, 0)
    too_old = now - now % MINUTE_MS - overview.MINUTES * MINUTE_MS
    end(client, too_old, 0)
    end(client, too_old + MINUTE_MS, 0)
    assert [one["at"] for one in parts.told()["models"]["sentiment"]["minutes"]] == [
        (too_old + MINUTE_MS) // 1000
    ]
    end(client, minutes_ago(client, 0), 0)
    end(client, minutes_ago(client, 0), 1)
    minutes = parts.told()["models"]["sentiment"]["minutes"]
    assert sum(one["succeeded"] for one in minutes[1:]) == 2


def test_without_its_database_the_windows_go_on_and_the_rest_says_how_old_it_is(client, engine, parts):
    end(client, minutes_ago(client, 1), 0)
    before = parts.told()
    engine.dispose()
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE minutes RENAME TO hidden"))
    burst(client, minutes_ago(client, 0))
    after = parts.told()
    assert [window["count"] for window in after["windows"]] == [4]
    assert after["models"] == before["models"]
    assert after["history_at"] == before["history_at"] < after["at"]
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE hidden RENAME TO minutes"))
    back = parts.told()
    assert back["history_at"] > before["history_at"]
    assert sum(one["negative"] for one in back["models"]["sentiment"]["minutes"]) == 4


def test_a_history_that_lags_behind_says_up_to_when_it_goes(client, parts):
    before = parts.told()
    end(client, minutes_ago(client, 0), 0)
    assert eventually(lambda: minutes_ago(client, 0) / 1000 > before["at"])
    parts.publisher()
    after = json.loads(client.get(keys.OVERVIEW))
    assert after["history_at"] == before["history_at"] < before["at"] < after["at"]
    assert after["models"]["sentiment"]["minutes"] == []


def test_quality_and_its_course_come_from_the_reports(client, engine, parts):
    parts.follower()
    archive, now = Archive(engine), minutes_ago(client, 0)
    hour = now - now % 3_600_000 - 3_600_000
    early = hour - 3_600_000
    for version, at, hits in (("9", early, 38), ("9", hour, 40), ("9", hour + 60_000, 41), ("10", now, 45)):
        pairs = {("negative", "negative"): hits, ("negative", "positive"): 50 - hits}
        archive.report(QUALITY, Version("sentiment", version), at, quality(pairs).to_dict())
    model = parts.told()["models"]["sentiment"]
    assert [(one["version"], one["judged"], one["accuracy"]) for one in model["quality"]] == [
        ("10", 50, 0.9), ("9", 50, 0.82),
    ]  # fmt: skip
    classes = {one["label"]: one for one in model["quality"][0]["classes"]}
    assert classes["positive"]["precision"] is classes["positive"]["precision_interval"] is None
    low, high = classes["negative"]["precision_interval"]
    assert low < classes["negative"]["precision"] == 0.9 < high
    assert [(point["version"], point["value"]) for point in model["accuracy"]] == [
        ("9", 0.76), ("9", 0.82), ("10", 0.9),
    ]  # fmt: skip


def test_estimate_drift_and_data_come_from_the_reports(client, engine, parts):
    at = minutes_ago(client, 30)
    output = json.dumps(
        {"scores": [{"label": "positive", "score": 0.9}, {"label": "negative", "score": 0.1}]}
    )
    for i in range(20):
        predict(client, at + i, label="positive", output=output, size=str(20 + i))
    parts.follower()
    running.analyse(Archive(engine), minutes_ago(client, 0), running.Plan(minimum=10))
    model = parts.told()["models"]["sentiment"]
    (quality,), (drift,), (data,) = model["quality"], model["drift"], model["data"]
    assert (quality["accuracy"], quality["estimated_accuracy"]) == (None, 0.9)
    low, high = quality["estimated_interval"]
    assert 0.7 < low < 0.9 < high <= 1
    assert (drift["reference"], drift["current"]) == (20, 20)
    assert [(one["name"], one["is_drifting"]) for one in drift["comparisons"]] == [
        ("labels", False), ("scores", False), ("sizes", False),
    ]  # fmt: skip
    assert (data["rows"], data["median_size"], data["repeated"]) == (20, 30, None)


def test_the_service_publishes_and_tells_no_text(client, redis_url, tmp_path: Path):
    burst(client, minutes_ago(client, 1))
    with service(redis_url, tmp_path / "log"):

        def told() -> overview.Overview:
            return json.loads(client.get(keys.OVERVIEW) or '{"windows": []}')

        assert eventually(lambda: [one["count"] for one in told()["windows"]] == [4])
        assert eventually(lambda: told()["models"]["sentiment"]["minutes"])
    assert CANARY not in client.get(keys.OVERVIEW)
