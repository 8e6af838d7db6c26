import json

import pytest
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer
from typer.testing import CliRunner

from contract.jobs import TRAINING_QUEUE
from trainer.logging import configure

from .conftest import opinions, write_csv


@pytest.fixture
def trainer(tracking_uri, redis_url, monkeypatch):
    from trainer.__main__ import app

    monkeypatch.setenv("REDIS_URL", redis_url)
    yield lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])
    configure("INFO")


def test_a_retraining_is_queued_once_and_says_what_it_will_do(trainer, redis_url, tmp_path):
    data = write_csv(tmp_path / "data.csv", opinions(10))
    first = trainer("retrain", "tfidf", "--data", data, "--model", "some", "--no-promote", "--seed", "3")
    assert first.exit_code == 0, first.output
    again = trainer("retrain", "tfidf", "--data", data, "--model", "some")
    assert again.exit_code == 2
    assert "a training of some waits or runs already" in again.output
    assert trainer("retrain", "tfidf", "--data", data, "--model", "other").exit_code == 0
    with Redis.from_url(redis_url) as connection:
        job, _ = Queue(TRAINING_QUEUE, connection=connection, serializer=JSONSerializer).jobs
    assert (job.func_name, job.description) == ("trainer.jobs.train", "training of some")
    (arguments,) = job.args
    assert (arguments["data"], arguments["seed"], arguments["promote"]) == (str(data), 3, False)


def test_the_doctor_says_what_is_there_and_what_to_do_about_the_rest(trainer, model, monkeypatch):
    well = trainer("doctor", "--model", model)
    assert well.exit_code == 0, well.output
    assert "ok   MLflow: answers" in well.output
    assert "ok   Redis: answers" in well.output
    assert f"no   champion: {model} has none: 'python -m trainer starter' makes one" in well.output
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:9/0")
    ill = trainer("doctor", "--model", model)
    assert "no   Redis: does not answer: start it, or set REDIS_URL" in ill.output


def test_a_profile_is_told_in_words_and_in_json(trainer, tmp_path):
    data = write_csv(tmp_path / "data.csv", [*opinions(40), *opinions(2)])
    told = trainer("profile", data)
    assert "repeated rows: 2; near duplicates: 0" in told.output
    found = json.loads(trainer("profile", data, "--json").stdout)
    assert found["labels"] == {"positive": 21, "negative": 21}
    assert len(found["file_sha256"]) == len(found["rows_sha256"]) == 64
