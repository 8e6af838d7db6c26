"""From the stream into the database: nothing lost, nothing twice, also after failures and erasures."""

import json
import logging
from datetime import timedelta

import psutil
import pytest
import redis
from sqlalchemy import Engine, create_engine, func, select, text

from contract import keys
from contract.events import EVENTS_KEPT
from contract.scripts import TERMINAL
from monitoring import events
from monitoring.errors import ConfigurationError, HistoryUnavailable
from monitoring.history import database, tables
from monitoring.history.following import Follower
from monitoring.history.keeping import Erased, History
from monitoring.history.texts import Texts
from tests.monitoring.history.postgres import Postgres
from tests.monitoring.ingestion import eventually
from tests.monitoring.stream import CANARY, alerts, burst, minutes_ago, monitor, predict
from tests.monitoring.test_service import lines, running

DAY_MS = 86_400_000


def rows(engine: Engine, table=tables.predictions) -> list[dict]:
    with engine.begin() as connection:
        return [dict(row._mapping) for row in connection.execute(select(table))]


def number(engine: Engine, table=tables.predictions) -> int:
    with engine.begin() as connection:
        return connection.scalar(select(func.count()).select_from(table))


def said(caplog) -> list[str]:
    """What our own code logged; Alembic talks too."""
    return [r.getMessage() for r in caplog.records if r.name.startswith("monitoring")]


def judge(client: redis.Redis, id: str, truth: str, **fields: str) -> str:
    """Append the event of feedback on a prediction."""
    told = {"v": "1", "type": "prediction.feedback", "id": id, "model": "sentiment", "version": "3",
            "label": "negative", "truth": truth, "owner": "", "source": "support", **fields}  # fmt: skip
    return client.xadd(keys.EVENTS, told)


def test_a_prediction_is_kept_with_what_is_known_of_it_and_no_text(client, engine, follower):
    at = minutes_ago(client, 1)
    output = {"label": "negative", "score": 0.75, "explanation": [{"token": CANARY}],
              "scores": [{"label": "negative", "score": 0.75},
                         {"label": "positive", "score": 0.25}]}  # fmt: skip
    predict(client, at, output=json.dumps(output), owner="key_1", size="37", inference_s="0.25")
    follower()
    assert rows(engine) == [
        {"id": f"p{at}-0", "at_ms": at, "model": "sentiment", "version": "3", "owner": "key_1",
         "status": "succeeded", "error_code": "", "label": "negative", "score": 0.75,
         "scores": '{"negative":0.75,"positive":0.25}', "latency_s": pytest.approx(1), "inference_s": 0.25,
         "size": 37, "is_truncated": False, "text": None, "batch": ""}
    ]  # fmt: skip


def test_an_event_that_the_end_of_a_prediction_writes_is_one_that_history_reads(client, engine, follower):
    script = """
        local known = redis.call('HMGET', KEYS[1], unpack(KNOWN))
        finish('p1', clock(), {'status', 'failed', 'error_code', 'x'}, known, '')
    """
    record = {"model": "m", "created_at": "1.0", "size": "12", "owner": "key_1", "attempts": "1"}
    client.hset(keys.prediction("p1"), mapping=record)
    client.register_script(TERMINAL + script)(keys=[keys.prediction("p1")])
    follower()
    (row,) = rows(engine)
    assert (row["status"], row["error_code"], row["size"], row["owner"]) == ("failed", "x", 12, "key_1")


def test_many_batches_are_caught_up_with_after_hours(client, engine, follower):
    at = minutes_ago(client, 300)
    total = 2 * events.BATCH + 3
    with client.pipeline() as pipe:
        for i in range(total):
            predict(pipe, at, i)
        pipe.execute()
    follower()
    assert number(engine) == total


def test_a_batch_that_is_read_again_changes_nothing(client, engine, follower, history):
    burst(client, minutes_ago(client, 20), count=6)
    client.set("barometer:monitoring:cursor", "1-0")
    monitor(client).tick()
    judge(client, "p1", "positive")
    follower()
    everything = (tables.predictions, tables.feedback, tables.alerts)
    before = [rows(engine, table) for table in everything]
    assert [len(one) for one in before] == [6, 1, 1]
    with engine.begin() as connection:
        connection.execute(tables.cursors.delete())
    Follower(client, history, timedelta(days=30))()
    assert [rows(engine, table) for table in everything] == before


def test_the_cursor_is_kept_with_the_rows_or_not_at_all(client, engine, history, follower):
    follower()
    predict(client, minutes_ago(client, 1))
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE cursors RENAME TO hidden"))
    follower()
    assert number(engine) == 0
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE hidden RENAME TO cursors"))
    follower()
    assert number(engine) == 1
    assert history.cursor() == client.xrange(keys.EVENTS)[-1][0]


def test_feedback_that_is_corrected_replaces_the_first(client, engine, follower):
    judge(client, "p1", "positive")
    judge(client, "p1", "neutral")
    follower()
    assert [(row["id"], row["truth"], row["source"]) for row in rows(engine, tables.feedback)] == [
        ("p1", "neutral", "support")
    ]


def test_an_alert_is_kept_from_fired_to_resolved(client, engine, follower):
    at = minutes_ago(client, 1)
    burst(client, at)
    watch = monitor(client)
    watch.tick()
    follower()
    (alert,) = alerts(client)
    (row,) = rows(engine, tables.alerts)
    assert (row["id"], row["fired_ms"], row["resolved_ms"]) == (alert.id, at + 3, None)
    with client.pipeline() as pipe:
        monitor(client, limit=9).tick()
        pipe.execute()
    follower()
    assert rows(engine, tables.alerts)[0]["resolved_ms"] is not None


def test_an_unreadable_event_is_logged_by_its_entry_and_its_neighbours_are_kept(
    client, engine, follower, caplog
):
    at = minutes_ago(client, 1)
    predict(client, at)
    bad = predict(client, at, 1, output=f'{{"scores": "{CANARY}"}}')
    predict(client, at, 2)
    follower()
    assert number(engine) == 2
    (record,) = [r for r in caplog.records if r.getMessage() == "event.malformed"]
    assert record.entry == bad
    assert CANARY not in repr(record.__dict__)


@pytest.mark.slow
def test_a_stream_that_lost_entries_meanwhile_is_reported(client, tmp_path, caplog):
    history = History(database.connect(f"sqlite:///{tmp_path / 'history.db'}"))
    predict(client, minutes_ago(client, 300))
    Follower(client, history, timedelta(days=30))()
    more = f"for i = 1, {EVENTS_KEPT} do redis.call('XADD', KEYS[1], '*', 'type', 'x') end"
    client.eval(more, 1, keys.EVENTS)
    client.xtrim(keys.EVENTS, maxlen=EVENTS_KEPT, approximate=False)
    Follower(client, history, timedelta(days=30))()
    assert "history.missed" in said(caplog)


def test_what_is_too_old_is_forgotten_and_an_open_alert_is_not(client, engine, history, follower):
    now = minutes_ago(client, 0)
    burst(client, now - 2 * DAY_MS, count=1)
    client.set("barometer:monitoring:cursor", "1-0")
    burst(client, now - 1_000)
    monitor(client).tick()
    judge(client, "p1", "positive")
    follower()
    assert history.forget(now, timedelta(days=1)) == 1
    assert number(engine) == 4
    assert history.forget(now + 2 * DAY_MS, timedelta(days=1)) == 5
    assert (number(engine), number(engine, tables.alerts)) == (0, 1)


def test_one_prediction_is_erased_and_does_not_come_back(client, engine, history, follower):
    at = minutes_ago(client, 1)
    for seq in range(3):
        predict(client, at, seq)
    judge(client, f"p{at}-1", "positive")
    follower()
    assert history.erase(Erased.PREDICTION, f"p{at}-1", events.now_ms(client)) == 2
    with engine.begin() as connection:
        connection.execute(tables.cursors.delete())
    Follower(client, history, timedelta(days=30))()
    assert sorted(row["id"] for row in rows(engine)) == [f"p{at}-0", f"p{at}-2"]
    assert rows(engine, tables.feedback) == []


def test_the_data_of_one_key_is_erased_also_what_is_read_afterwards_but_not_what_comes_later(
    client, engine, history, follower
):
    at = minutes_ago(client, 1)
    for seq, owner in enumerate(["key_1", "key_2", "key_1"]):
        predict(client, at, seq, owner=owner)
    follower()
    late = predict(client, at + 1, owner="key_1")
    assert history.erase(Erased.KEY, "key_1", at + 2) == 2
    predict(client, at + 3, owner="key_1")
    follower()
    assert late
    assert sorted((row["id"], row["owner"]) for row in rows(engine)) == [
        (f"p{at}-1", "key_2"), (f"p{at + 3}-0", "key_1"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("input", "kept"),
    [
        ('{"text": "a \\u0000 word"}', "a  word"),
        ('{"text": 5}', None),
        ("[]", None),
        (None, None),
    ],
)
def test_texts_are_kept_when_the_operator_asks_for_them(client, engine, history, input, kept):
    at = minutes_ago(client, 1)
    predict(client, at)
    if input:
        client.hset(keys.prediction(f"p{at}-0"), "input", input)
    follower = Follower(client, history, timedelta(days=30), Texts(client))
    follower()
    assert [row["text"] for row in rows(engine)] == [kept]
    # Read again when Redis has forgotten it, the text stays.
    client.delete(keys.prediction(f"p{at}-0"))
    with engine.begin() as connection:
        connection.execute(tables.cursors.delete())
    Follower(client, history, timedelta(days=30), Texts(client))()
    assert [row["text"] for row in rows(engine)] == [kept]


def test_the_first_migration_makes_the_tables_as_the_code_sees_them(engine, history):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        changes = compare_metadata(context, tables.metadata)
    assert changes == []


def test_a_locked_database_is_said_once_and_caught_up_with(client, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    url = f"sqlite:///{tmp_path / 'history.db'}"
    history = History(create_engine(url, connect_args={"timeout": 0.05}))
    follower = Follower(client, history, timedelta(days=30))
    follower()
    predict(client, minutes_ago(client, 1))
    other = create_engine(url)
    with other.connect() as connection:
        connection.execute(text("BEGIN EXCLUSIVE"))
        follower()
        follower()
    follower()
    assert said(caplog) == ["history.away", "history.back"]
    assert "locked" in next(r.reason for r in caplog.records if r.getMessage() == "history.away")
    assert number(other) == 1


def test_a_postgresql_that_restarts_is_caught_up_with(client, postgres: Postgres, caplog):
    engine = database.connect(postgres.database("restarting"))
    follower = Follower(client, History(engine), timedelta(days=30))
    follower()
    postgres.stop()
    predict(client, minutes_ago(client, 1))
    follower()
    postgres.start()
    follower()
    assert said(caplog) == ["history.away"]
    assert number(engine) == 1
    engine.dispose()


def test_a_full_disk_stops_the_history_and_not_the_alerts(client, redis_url, tmp_path):
    log, file = tmp_path / "log", tmp_path / "history.db"
    with running(redis_url, log, MONITORING_DATABASE_URL=f"sqlite:///{file}") as process:
        assert eventually(file.exists)
        # The system refuses every byte beyond, as it does on a full disk.
        limited = psutil.Process(process.pid)
        limited.rlimit(psutil.RLIMIT_FSIZE, (200_000, psutil.RLIM_INFINITY))
        at = minutes_ago(client, 1)
        with client.pipeline() as pipe:
            for seq in range(5_000):
                predict(pipe, at, seq)
            pipe.execute()
        assert eventually(lambda: "history.away" in log.read_text())
        assert eventually(lambda: "alert.fired" in log.read_text())
        assert len(alerts(client)) == 1
        limited.rlimit(psutil.RLIMIT_FSIZE, (psutil.RLIM_INFINITY, psutil.RLIM_INFINITY))
        assert eventually(lambda: "history.back" in log.read_text())
    assert number(database.connect(f"sqlite:///{file}")) == 5_000
    assert [line["event"] for line in lines(log)].count("history.away") == 1


def test_a_failure_tells_nothing_of_the_values(history, engine):
    with pytest.raises(HistoryUnavailable) as failed, database.transaction(engine) as connection:
        connection.execute(text("INSERT INTO nowhere VALUES (:word)"), {"word": CANARY})
    assert CANARY not in str(failed.value)


@pytest.mark.parametrize("url", ["nonsense", "mysql://a:secret@b/c", "postgresql+nodriver://a:secret@b/c"])
def test_a_database_that_cannot_be_used_is_refused_without_its_password(url):
    with pytest.raises(ConfigurationError) as refused:
        database.connect(url)
    assert "MONITORING_DATABASE_URL" in str(refused.value)
    assert "secret" not in str(refused.value)
