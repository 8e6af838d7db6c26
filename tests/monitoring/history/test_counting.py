"""Counts by minute: each event once, whatever is read twice, kept when rows are gone."""

import random
from collections import Counter
from datetime import timedelta

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, select, text

from contract import keys
from contract.latencies import RELATIVE_ERROR, quantile
from monitoring import events
from monitoring.history import tables
from monitoring.history.counting import MINUTE_MS, Counts, Place, bucket, counted
from monitoring.history.figures import HOUR_MS, Figures
from monitoring.history.following import Follower
from monitoring.history.keeping import Erased, History
from tests.monitoring.stream import minutes_ago, predict

DAY_MS = 86_400_000


def end(at_ms: int, **columns) -> dict:
    row = {"id": "p", "at_ms": at_ms, "model": "m", "status": "succeeded", "label": "positive", "batch": "",
           "latency_s": 0.2}  # fmt: skip
    return row | columns


def kept(engine: Engine) -> dict[Place, Counts]:
    return Figures(engine).minutes(0)


@pytest.mark.parametrize("draw", [
    lambda chance: chance.lognormvariate(-2, 1.5), lambda chance: chance.uniform(0.001, 90_000),
    lambda chance: chance.choice((0.004, 30.0)), lambda chance: 0.25,
])  # fmt: skip
@pytest.mark.parametrize("share", [0.01, 0.5, 0.95, 0.99, 1.0])
def test_a_percentile_is_within_its_error_of_the_true_one(draw, share):
    chance = random.Random(7)
    latencies = sorted(max(0.001, draw(chance)) for _ in range(997))
    true = latencies[max(1, -(-len(latencies) * round(share * 100) // 100)) - 1]
    found = quantile(Counter(map(bucket, latencies)), share)
    assert found == pytest.approx(true, rel=RELATIVE_ERROR * 1.000001)


def test_nothing_has_no_percentile_and_what_took_no_time_counts_as_the_shortest():
    assert quantile({}, 0.5) is None
    assert bucket(0) == bucket(-3) == bucket(0.001)


def test_what_was_canceled_and_rows_of_batches_are_counted_and_not_timed():
    rows = [
        end(MINUTE_MS), end(MINUTE_MS + 1, label="negative"),
        end(2 * MINUTE_MS - 1, batch="b", latency_s=900),
        end(MINUTE_MS, status="canceled", label="", latency_s=900), end(MINUTE_MS, status="failed", label=""),
        end(2 * MINUTE_MS), end(MINUTE_MS, model="n"),
    ]  # fmt: skip
    found = counted(rows)
    assert sorted(found) == [Place(MINUTE_MS, "m"), Place(MINUTE_MS, "n"), Place(2 * MINUTE_MS, "m")]
    first = found[Place(MINUTE_MS, "m")]
    assert (first.succeeded, first.failed, first.canceled, first.negative) == (3, 1, 1, 1)
    assert first.labels == {"positive": 2, "negative": 1}
    assert first.latencies == {bucket(0.2): 3}


def test_minutes_add_up_and_survive_their_row():
    chance = random.Random(3)
    rows = [
        end(MINUTE_MS, latency_s=chance.expovariate(3), label=chance.choice("abc"),
            status=chance.choice(["succeeded", "failed", "canceled"]))
        for _ in range(500)
    ]  # fmt: skip
    place = Place(MINUTE_MS, "m")
    whole, parts = counted(rows)[place], Counts()
    for i in range(0, 500, 50):
        parts.merge(Counts.from_row(counted(rows[i : i + 50])[place].to_row()))
    assert parts == whole


def test_an_event_that_is_read_again_is_not_counted_again(client, engine, history, follower):
    at = minutes_ago(client, 3)
    for seq in range(5):
        predict(client, at, seq)
    follower()
    before = kept(engine)
    with engine.begin() as connection:
        connection.execute(tables.cursors.delete())
    Follower(client, history, timedelta(days=30))()
    assert kept(engine) == before
    assert [counts.succeeded for counts in before.values()] == [5]


def test_two_processes_that_follow_the_same_stream_count_it_once(client, engine, history):
    first, second = (Follower(client, history, timedelta(days=30)) for _ in range(2))
    first(), second()
    for turn in range(6):
        predict(client, minutes_ago(client, 0), 1)
        (first if turn % 2 else second)()
    first(), second()
    assert sum(counts.succeeded for counts in kept(engine).values()) == 6


def test_a_prediction_that_was_run_again_has_ended_twice(client, engine, follower):
    at = minutes_ago(client, 3)
    predict(client, at, id="p1", status="failed", type="prediction.failed", error_code="x")
    follower()
    predict(client, at + 1, id="p1", label="positive")
    predict(client, at + 2, id="p2", status="failed", type="prediction.failed", error_code="x")
    predict(client, at + 3, id="p2", label="positive")
    follower()
    (total,) = kept(engine).values()
    assert (total.succeeded, total.failed) == (2, 2)


def test_counts_and_rows_are_kept_together_or_not_at_all(client, engine, follower):
    follower()
    predict(client, minutes_ago(client, 1))
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE predictions RENAME TO hidden"))
    follower()
    assert kept(engine) == {}
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE hidden RENAME TO predictions"))
    follower()
    assert [counts.negative for counts in kept(engine).values()] == [1]


def test_counts_outlive_their_rows_and_then_go_too(client, engine, history, follower):
    at = minutes_ago(client, 3)
    predict(client, at, owner="key_1")
    predict(client, at, 1)
    follower()
    history.erase(Erased.KEY, "key_1", events.now_ms(client))
    history.forget(at + 31 * DAY_MS, timedelta(days=30))
    with engine.begin() as connection:
        assert connection.execute(select(tables.predictions)).all() == []
    assert [counts.succeeded for counts in kept(engine).values()] == [2]
    history.forget(at + 401 * DAY_MS, timedelta(days=30))
    assert kept(engine) == {}


def test_an_hour_is_the_sum_of_its_minutes(client, engine, follower):
    hour = minutes_ago(client, 300) // HOUR_MS * HOUR_MS
    for at in (hour, hour + 5 * MINUTE_MS, hour + HOUR_MS - 1, hour + HOUR_MS):
        predict(client, at)
        predict(client, at, 1, status="canceled", type="prediction.canceled")
    predict(client, hour + HOUR_MS + 1, model="tone")
    follower()
    assert Figures(engine).hours(hour) == {
        Place(hour, "sentiment"): 6, Place(hour + HOUR_MS, "sentiment"): 2, Place(hour + HOUR_MS, "tone"): 1,
    }  # fmt: skip
    assert Figures(engine).hours(hour + HOUR_MS).keys() == {
        Place(hour + HOUR_MS, "sentiment"), Place(hour + HOUR_MS, "tone"),
    }  # fmt: skip


def test_a_history_of_before_is_counted_when_it_is_brought_up_to_date(client, engine):
    config = Config()
    config.set_main_option("script_location", "monitoring:history/migrations")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        columns = "id, at_ms, model, version, owner, status, error_code, label, is_truncated, latency_s"
        values = ":id, :at_ms, :model, '1', '', :status, '', :label, false, 9"
        old = f"INSERT INTO predictions ({columns}) VALUES ({values})"
        ends = [("succeeded", "a"), ("succeeded", "a"), ("succeeded", "b"), ("failed", ""), ("canceled", "")]
        for i, (status, label) in enumerate(ends):
            row = {"id": f"p{i}", "at_ms": 5 * MINUTE_MS + i, "model": "m", "status": status, "label": label}
            connection.execute(text(old), row)
        row = {"id": "q", "at_ms": 6 * MINUTE_MS, "model": "n", "status": "succeeded", "label": "a"}
        connection.execute(text(old), row)
    History(engine).prepare()
    assert kept(engine) == {
        Place(5 * MINUTE_MS, "m"): Counts(3, 1, 1, Counter(a=2, b=1)),
        Place(6 * MINUTE_MS, "n"): Counts(1, labels=Counter(a=1)),
    }
    # What is in the rows already is not counted once more.
    predict(client, 6 * MINUTE_MS, id="q", model="n")
    client.xtrim(keys.EVENTS, 10)
    Follower(client, History(engine), timedelta(days=30_000), counts_retention=timedelta(days=30_000))()
    assert kept(engine)[Place(6 * MINUTE_MS, "n")].succeeded == 1
