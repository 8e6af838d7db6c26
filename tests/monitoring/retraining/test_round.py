"""Trainings and rollbacks are asked for in RQ's queue: for a reason, one at a time, and once."""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from importlib import import_module

import pytest
from redis import Redis
from rq import Queue, SimpleWorker
from rq.job import Job
from rq.serializers import JSONSerializer

from contract import jobs, keys
from contract.alerts import Alert
from contract.jobs import Stage
from monitoring.alerts import AlertBook
from monitoring.errors import ConfigurationError
from monitoring.events import now_ms
from monitoring.history import database
from monitoring.history.asking import Archive, Version
from monitoring.history.following import Follower
from monitoring.history.keeping import History
from monitoring.history.tables import reports
from monitoring.history.texts import Of, Texts
from monitoring.retraining.probation import Probation, Verdict
from monitoring.retraining.queue import Trainings
from monitoring.retraining.round import Retraining
from monitoring.retraining.triggers import Order, Wishes
from monitoring.retraining.watch import PromotionWatch
from tests.monitoring.stream import CANARY, minutes_ago, predict
from tests.monitoring.test_service import invoke

ORDER = Order("sentiment", {"data": "/srv/reviews.csv"}, Wishes(True, 10, timedelta(days=1)))


@pytest.fixture
def trainings(redis_url) -> Iterator[Trainings]:
    trainings = Trainings(redis_url)
    yield trainings
    trainings.close()


@pytest.fixture
def archive(tmp_path, client) -> Archive:
    engine = database.connect(f"sqlite:///{tmp_path / 'history.db'}")
    History(engine).prepare()
    return Archive(engine)


@pytest.fixture
def catch_up(tmp_path, client) -> Follower:
    return Follower(
        client, History(database.connect(f"sqlite:///{tmp_path / 'history.db'}")), timedelta(days=30)
    )


def queued(redis_url: str) -> list[Job]:
    with Redis.from_url(redis_url) as connection:
        return Queue(jobs.TRAINING_QUEUE, connection=connection, serializer=JSONSerializer).jobs


def work_off(redis_url: str) -> None:
    with Redis.from_url(redis_url) as connection:
        queue = Queue(jobs.TRAINING_QUEUE, connection=connection, serializer=JSONSerializer)
        SimpleWorker([queue], connection=connection, serializer=JSONSerializer).work(burst=True)


@pytest.mark.parametrize("name", [jobs.TRAIN, jobs.ROLL_BACK])
def test_what_is_asked_for_by_name_is_there(name):
    module, _, function = name.rpartition(".")
    assert callable(getattr(import_module(module), function))


def test_one_training_of_a_model_is_asked_for_at_a_time(trainings, redis_url):
    assert trainings.ask("sentiment", ORDER.arguments) == "retraining-sentiment"
    assert trainings.ask("sentiment", ORDER.arguments) is None
    assert trainings.ask("tone", ORDER.arguments) == "retraining-tone"
    first, _ = queued(redis_url)
    assert (first.func_name, first.args) == (
        "trainer.jobs.train", [{"data": "/srv/reviews.csv", "model": "sentiment"}],
    )  # fmt: skip
    assert first.description == "training"


# Without the job's arguments, it fails at once: what counts is that it has ended.
def test_after_one_has_ended_another_can_be_asked_for(trainings, redis_url):
    trainings.ask("sentiment", {"nonsense": "x"})
    work_off(redis_url)
    last = trainings.of("sentiment")
    assert (last.status, last.is_under_way) == ("failed", False)
    assert trainings.ask("sentiment", ORDER.arguments)


def test_a_training_that_waits_is_canceled(trainings, redis_url):
    trainings.ask("sentiment", ORDER.arguments)
    assert [trainings.cancel("sentiment") for _ in range(2)] == [True, False]
    assert queued(redis_url) == []


def test_enough_new_labels_are_a_reason_once(client, archive, catch_up, trainings, redis_url, caplog):
    caplog.set_level(logging.INFO)
    retraining = Retraining(client, archive, trainings, ORDER)
    for i in range(10):
        if i == 9:
            catch_up()
            retraining.look()
            assert queued(redis_url) == []
        told = {
            "type": "prediction.feedback",
            "id": f"p{i}",
            "model": "sentiment",
            "label": "a",
            "truth": "b",
        }
        client.xadd(keys.EVENTS, told)
    catch_up()
    retraining.look()
    retraining.look()
    assert [job.id for job in queued(redis_url)] == ["retraining-sentiment"]
    (said,) = [record for record in caplog.records if record.getMessage() == "training.requested"]
    assert said.reason == "10 new labels"
    trainings.cancel("sentiment")
    retraining.look()
    assert queued(redis_url) == []


def test_the_cooldown_begins_when_the_training_ends(client, archive, trainings, redis_url):
    alert = Alert(id="a", rule="drift", severity="warning", summary="s", count=1, threshold=0, window_s=0,
                  fired_at=1.0, subject="sentiment")  # fmt: skip
    AlertBook(client).record(alert)
    order = replace(ORDER, wishes=Wishes(True, 0, timedelta(hours=1)))
    Retraining(client, archive, trainings, order).look()
    (job,) = queued(redis_url)
    work_off(redis_url)
    long_ago = now_ms(client) - 2 * 3_600_000
    with database.transaction(archive._engine) as connection:
        body = json.dumps({"reason": "alert drift", "at_ms": long_ago})
        connection.execute(reports.update().values(at_ms=long_ago, body=body))
    Retraining(client, archive, trainings, order).look()
    assert queued(redis_url) == [], "it was asked for two hours ago, and has just ended"
    job.refresh()
    job.ended_at -= timedelta(hours=2)
    job.save()
    Retraining(client, archive, trainings, order).look()
    assert [one.id for one in queued(redis_url)] == ["retraining-sentiment"]


@pytest.mark.parametrize(
    ("rule", "subject", "asked"),
    [("drift", "sentiment", 1), ("drift", "tone", 0), ("latency", "sentiment", 0)],
)
def test_an_open_alert_on_drift_of_the_model_is_a_reason(
    client, archive, trainings, redis_url, rule, subject, asked
):
    alert = Alert(id="a", rule=rule, severity="warning", summary="s", count=1, threshold=0, window_s=0,
                  fired_at=1.0, subject=subject)  # fmt: skip
    AlertBook(client).record(alert)
    Retraining(client, archive, trainings, ORDER).look()
    assert len(queued(redis_url)) == asked


def end(client, id: str, owner: str) -> None:
    """A prediction ends now, after all that is in the stream."""
    last = client.xrevrange(keys.EVENTS, count=1)
    predict(client, int(last[0][0].partition("-")[0]) + 1 if last else 1_000, id=id, owner=owner)


def judge_kept(client, catch_up, count: int) -> None:
    """Predictions that people judged, half of them of one key; the text of the first is forgotten."""
    for i in range(count):
        id, owner = f"p{i}", f"key_{i % 2}"
        end(client, id, owner)
        if i:
            client.hset(keys.prediction(id), "input", json.dumps({"text": f"{CANARY} {i}"}))
        told = {"type": "prediction.feedback", "id": id, "model": "sentiment", "label": "negative",
                "truth": "positive", "owner": owner}  # fmt: skip
        client.xadd(keys.EVENTS, told)
    catch_up()


def handed(client) -> dict[str, str]:
    content = client.get(keys.training_feedback("sentiment")) or ""
    return {row["id"]: row["text"] for row in map(json.loads, content.splitlines())}


@pytest.fixture
def keeping_judged(tmp_path, client) -> Follower:
    history = History(database.connect(f"sqlite:///{tmp_path / 'history.db'}"))
    return Follower(client, history, timedelta(days=30), Texts(client, Of.JUDGED))


def test_what_people_said_is_handed_over_with_its_text_and_what_has_none_is_counted(
    client, archive, keeping_judged, trainings, redis_url, caplog
):
    caplog.set_level(logging.INFO)
    judge_kept(client, keeping_judged, 6)
    end(client, "unjudged", "")
    client.hset(keys.prediction("unjudged"), "input", json.dumps({"text": CANARY}))
    keeping_judged()
    kept = {row["id"] for row in archive.answers(Version("sentiment", "3"), 99) if row["text"]}
    assert kept == {f"p{i}" for i in range(1, 6)}, "only of what was judged"
    Retraining(client, archive, trainings, replace(ORDER, feedback=True)).start("by hand")
    (job,) = queued(redis_url)
    assert (job.args[0]["handed"], job.args[0]["gone"]) == (5, 1)
    assert handed(client) == {f"p{i}": f"{CANARY} {i}" for i in range(1, 6)}
    assert 0 < client.ttl(keys.training_feedback("sentiment")) <= 24 * 3600
    assert CANARY not in caplog.text
    assert CANARY not in str(job.to_dict())


def test_a_training_under_way_keeps_the_feedback_it_was_handed(client, archive, keeping_judged, trainings):
    retraining = Retraining(client, archive, trainings, replace(ORDER, feedback=True))
    judge_kept(client, keeping_judged, 3)
    retraining.start("first")
    before = handed(client)
    judge_kept(client, keeping_judged, 9)
    assert retraining.start("second") is None
    assert handed(client) == before


def test_what_is_erased_waits_for_no_training(
    client, archive, keeping_judged, trainings, redis_url, tmp_path
):
    judge_kept(client, keeping_judged, 6)
    Retraining(client, archive, trainings, replace(ORDER, feedback=True)).start("by hand")
    settings = {"MONITORING_DATABASE_URL": f"sqlite:///{tmp_path / 'history.db'}"}
    invoke(redis_url, "erase", "--prediction", "p2", **settings)
    assert handed(client).keys() == {"p1", "p3", "p4", "p5"}
    invoke(redis_url, "erase", "--key", "key_1", **settings)
    assert handed(client).keys() == {"p4"}
    assert [row["id"] for row in archive.told("sentiment", 99)] == ["p4"]
    assert 0 < client.ttl(keys.training_feedback("sentiment")) <= 24 * 3600


def serve(client, at_ms: int, version: str, good: int, bad: int) -> None:
    for i in range(good + bad):
        type = "prediction.failed" if i < bad else "prediction.succeeded"
        status = type.rpartition(".")[2]
        predict(client, at_ms, i, version=version, type=type, status=status)


def test_a_version_that_fails_after_its_promotion_is_taken_back_once(
    client, archive, catch_up, trainings, redis_url
):
    serve(client, minutes_ago(client, 90), "1", good=100, bad=1)
    watch = PromotionWatch(client, archive, trainings, "sentiment", Probation(timedelta(hours=1)))
    catch_up()
    assert watch.look() is None
    serve(client, minutes_ago(client, 10), "2", good=60, bad=20)
    catch_up()
    trainings.ask("sentiment", ORDER.arguments)
    assert [watch.look().verdict for _ in range(3)] == [Verdict.ROLL_BACK] * 3
    job, training = queued(redis_url)
    assert (job.func_name, training.func_name) == ("trainer.jobs.roll_back", "trainer.jobs.train")
    (arguments,) = job.args
    assert (arguments["model"], arguments["version"]) == ("sentiment", "2")
    assert arguments["why"] == "25.0% of 80 predictions fail, before it were 1.0%"


def test_retrain_by_hand_asks_once_and_can_be_canceled(redis_url, tmp_path):
    settings = {"MONITORING_DATABASE_URL": f"sqlite:///{tmp_path / 'history.db'}",
                "MONITORING_RETRAIN__DATA": "/srv/reviews.csv"}  # fmt: skip
    said = [invoke(redis_url, "retrain", *options, **settings) for options in ([], [], ["--cancel"])]
    assert [one.stdout.strip() for one in said] == [
        "asked for: job retraining-sentiment", "a training is under way already", "canceled",
    ]  # fmt: skip
    assert isinstance(invoke(redis_url, "retrain").exception, ConfigurationError)


def test_status_shows_what_runs_what_waits_and_what_came_of_the_last(trainings, redis_url):
    trainings.ask("tone", {"data": "/srv/tone.csv"})
    trainings.ask("sentiment", ORDER.arguments)
    with Redis.from_url(redis_url) as connection:
        running, ended = (
            Job.fetch(f"retraining-{model}", connection=connection, serializer=JSONSerializer)
            for model in ("tone", "sentiment")
        )
        running.meta.update(Stage(stage="learning", share=0.4))
        running.save_meta()
        ended.cancel()
    shown = invoke(redis_url, "status").stdout
    assert "retraining-tone" in shown
    assert "learning, 40%" in shown
    assert "canceled" in shown
