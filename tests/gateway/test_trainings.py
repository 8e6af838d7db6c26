"""Asking the trainer to promote and roll back, held against RQ itself."""

import json
import time

import pytest
from redis import Redis
from rq import Queue, SimpleWorker
from rq.job import Job
from rq.serializers import JSONSerializer

from contract.jobs import TRAINING_QUEUE
from gateway.trainings.telling import Status, said, status_of
from tests.gateway.conftest import Gateway

PROMOTE, ROLLBACK = "/v1/models/barometer/sentiment/promote", "/v1/models/barometer/sentiment/rollback"


@pytest.fixture
def queue(redis_url: str) -> Queue:
    return Queue(TRAINING_QUEUE, connection=Redis.from_url(redis_url), serializer=JSONSerializer)


def work(queue: Queue) -> None:
    SimpleWorker([queue], connection=queue.connection, serializer=JSONSerializer).work(burst=True)


def test_a_promotion_is_a_job_as_rq_would_have_made_it(gateway: Gateway, queue: Queue) -> None:
    training = queue.enqueue("math.sqrt", 4)
    answer = gateway.http.post(PROMOTE, json={"version": "3"})
    assert answer.status_code == 202
    asked = answer.json()
    assert (asked["status"], asked["description"]) == ("queued", "promotion of sentiment 3")
    assert answer.headers["Location"] == asked["urls"]["get"]
    assert gateway.http.get(asked["urls"]["get"]).json() == asked
    # Before a training, which may take hours.
    assert queue.job_ids == [asked["id"], training.id]
    job = Job.fetch(asked["id"], connection=queue.connection, serializer=JSONSerializer)
    assert (job.func_name, job.kwargs) == ("trainer.jobs.promote", {})
    by = "anybody at the gateway"
    assert job.args == [{"model": "sentiment", "version": "3", "by": by, "without_shadow": ""}]
    assert (job.origin, job.timeout, job.get_status()) == ("training", 300, "queued")
    assert job.created_at.timestamp() == pytest.approx(time.time(), abs=60)


def test_a_rollback_names_the_version_that_shall_go(gateway: Gateway, queue: Queue) -> None:
    asked = gateway.http.post(ROLLBACK, json={"version": "3"}).json()
    job = Job.fetch(asked["id"], connection=queue.connection, serializer=JSONSerializer)
    assert job.func_name == "trainer.jobs.roll_back"
    assert job.args[0]["version"] == "3"
    assert job.args[0]["why"] == "rolled back by hand"
    assert gateway.http.post(ROLLBACK, json={}).json()["errors"][0]["pointer"] == "#/version"


def test_what_a_job_raised_is_told_to_nobody(gateway: Gateway, queue: Queue) -> None:
    raising = queue.enqueue("builtins.int", "a text of somebody", description="training")
    work(queue)
    told = gateway.http.get(f"/v1/trainings/{raising.id}").json()
    assert (told["status"], told["said"]) == ("failed", "It failed; the trainer's log says why.")
    assert told["ended_at"] >= told["started_at"]
    assert "somebody" not in json.dumps(told)


def test_what_a_job_returned_is_told_in_words(gateway: Gateway, queue: Queue) -> None:
    moved = queue.enqueue("builtins.dict", {"model": "m", "left": "1", "entered": "2"})
    refused = queue.enqueue("builtins.dict", {"model": "m", "refused": "the gate has not passed version 3"})
    work(queue)
    told = [gateway.http.get(f"/v1/trainings/{job.id}").json() for job in (moved, refused)]
    assert [one["status"] for one in told] == ["finished", "refused"]
    assert told[0]["said"].startswith("Version 2 is the champion now, and version 1 no longer")
    assert told[1]["said"] == "It was refused: the gate has not passed version 3."


def test_only_jobs_of_the_trainer_are_shown(gateway: Gateway) -> None:
    prediction = gateway.create("private").json()["id"]
    for id in (prediction, "nobody"):
        assert gateway.http.get(f"/v1/trainings/{id}").status_code == 404
    assert gateway.http.post("/v1/models/barometer/other/promote", json={"version": "3"}).status_code == 404
    assert gateway.http.post(PROMOTE, json={"version": "three"}).status_code == 422


@pytest.mark.parametrize(
    ("rq", "result", "status", "words"),
    [
        ("queued", {}, Status.QUEUED, "waits for the trainer"),
        ("deferred", {}, Status.QUEUED, "waits for the trainer"),
        ("started", {}, Status.STARTED, "is at it"),
        ("finished", {"left": None, "entered": None}, Status.FINISHED, "was so already"),
        ("finished", {"version": "4", "gate": "passed", "promoted": True}, Status.FINISHED, "it serves"),
        (
            "finished",
            {"version": "4", "gate": "refused", "promoted": False},
            Status.FINISHED,
            "champion stays",
        ),
        ("finished", {}, Status.FINISHED, "It is done"),
        ("stopped", {}, Status.CANCELED, "Somebody ended it"),
        ("a word of some later RQ", {}, Status.FAILED, "log says why"),
    ],
)
def test_words_for_each_state(rq: str, result: dict, status: Status, words: str) -> None:
    assert status_of(rq, result) is status
    assert words in said(status, result)
