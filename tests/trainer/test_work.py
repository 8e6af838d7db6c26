"""Jobs on a real Redis, run by the trainer's worker in a process of its own."""

import json
import os
import subprocess
import sys

import pytest
from redis import Redis
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from contract import keys
from contract.jobs import TRAINING_QUEUE
from tests.monitoring.ingestion import Ingestion, ingestion

from .conftest import opinions, write_csv


@pytest.fixture
def queue(redis_url):
    with Redis.from_url(redis_url) as connection:
        yield Queue(TRAINING_QUEUE, connection=connection, serializer=JSONSerializer)


def work_off(redis_url: str, tracking_uri: str, **settings: str) -> str:
    """Let a worker process empty the queue; return what it wrote to stderr."""
    code = "import os, trainer.logging, trainer.work as w; trainer.logging.configure('INFO'); "
    code += "w.run(os.environ['REDIS_URL'], w.Path(os.environ['TRAINER_CHECKPOINTS']), burst=True)"
    environment = {**os.environ, "REDIS_URL": redis_url, "MLFLOW_TRACKING_URI": tracking_uri, **settings}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    return done.stderr


def test_a_job_is_trained_and_a_bad_one_fails_alone(queue, redis_url, tracking_uri, model, tmp_path):
    rows = opinions(1500)
    rows[3] = ("a canaryword that occurs once", "positive")
    data = write_csv(tmp_path / "data.csv", rows)
    bad = queue.enqueue("trainer.jobs.train", {"file": "x.csv"}, description="training")
    hand(queue, model, 100)
    wanted = {"data": str(data), "model": model, "handed": 100}
    good, late = (queue.enqueue("trainer.jobs.train", wanted, description="training") for _ in range(2))
    unread = {"data": str(tmp_path / "missing.csv"), "model": model}
    queue.enqueue("trainer.jobs.train", unread, description="training")
    with ingestion() as peer:
        kept = {"TRAINER_TELEMETRY_DIR": str(tmp_path / "kept")}
        log = work_off(
            redis_url, tracking_uri, APPLICATIONINSIGHTS_CONNECTION_STRING=peer.connection_string, **kept
        )
    jobs = [
        Job.fetch(job.id, connection=queue.connection, serializer=JSONSerializer) for job in (bad, good, late)
    ]
    assert [job.get_status() for job in jobs] == ["failed", "finished", "failed"]
    assert "file: Extra inputs are not permitted" in jobs[0].latest_result().exc_string
    result = jobs[1].return_value()
    assert (result["model"], result["version"], result["gate"], result["promoted"]) == (
        model,
        "1",
        "passed",
        True,
    )
    assert result["macro_f1"] > 0.9
    assert result["feedback"] == 100
    assert not queue.connection.exists(keys.training_feedback(model)), "what was learnt waits no more"
    assert "has waited too long and is gone" in jobs[2].latest_result().exc_string
    assert "canaryword" not in log
    events = [json.loads(line) for line in log.splitlines()]
    assert {"time", "level", "logger", "event"} <= set(events[0])
    assert "training.finished" in {event["event"] for event in events}
    assert_told(peer, model)


def hand(queue: Queue, model: str, count: int) -> None:
    """Leave feedback where monitoring does."""
    lines = [
        json.dumps({"id": f"p{i}", "owner": "key_1", "text": f"{text}, canaryword{i}", "label": label})
        for i, (text, label) in enumerate(opinions(count, seed=3))
    ]
    queue.connection.set(keys.training_feedback(model), "\n".join(lines))


def assert_told(peer: Ingestion, model: str) -> None:
    """Application Insights has one operation for each training, how it ended, and no word of a user's."""
    trainings = [(one["name"], one["success"]) for one in peer.of("RequestData")]
    assert sorted(trainings) == [(f"train {model}", False), (f"train {model}", True)]
    common = {"model": model, "family": "tfidf"}
    assert [event.items() >= common.items() for event in peer.events("barometer.training.started")] == [
        True
    ] * 2
    (finished,) = peer.events("barometer.training.finished")
    assert finished.items() >= {**common, "version": "1", "gate": "passed", "promoted": "True"}.items()
    (failed,) = peer.events("barometer.training.failed")
    assert failed.items() >= {**common, "error": "BadData"}.items()
    (moved,) = peer.events("barometer.alias.moved")
    assert (moved["alias"], moved["to"], moved["by"]) == ("champion", "1", "gate")
    (raised,) = peer.of("ExceptionData")
    assert raised["exceptions"][0]["typeName"] == "BadData"
    assert raised["exceptions"][0]["message"] == "training.failed"
    assert "in train" in raised["exceptions"][0]["stack"]
    assert b"canaryword" not in peer.received


def test_an_absent_redis_is_named_with_what_to_do():
    done = subprocess.run(
        [sys.executable, "-m", "trainer", "work"],
        env={**os.environ, "REDIS_URL": "redis://127.0.0.1:9/0"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "Redis does not answer: start it, or set REDIS_URL\n"
