"""A training on the queue that is canceled, and one that is killed: what MLflow and the registry say."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from redis import Redis
from rq import Queue
from rq.command import send_stop_job_command
from rq.job import Job
from rq.serializers import JSONSerializer

from contract.jobs import TRAINING_QUEUE
from tests.trainer.conftest import opinions, write_csv
from tests.working import wait_for
from trainer import unfinished

PATIENCE_S = 120


@pytest.fixture
def worker(redis_url, tracking_uri, tmp_path) -> Iterator[subprocess.Popen]:
    settings = {
        "REDIS_URL": redis_url,
        "MLFLOW_TRACKING_URI": tracking_uri,
        "TRAINER_CHECKPOINTS": str(tmp_path / "kept"),
    }
    command = [sys.executable, "-m", "trainer", "work"]
    with subprocess.Popen(command, env={**os.environ, **settings}, start_new_session=True) as process:
        yield process
        os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture
def queue(redis_url) -> Iterator[Queue]:
    with Redis.from_url(redis_url) as connection:
        yield Queue(TRAINING_QUEUE, connection=connection, serializer=JSONSerializer)


def judging(queue: Queue, data: Path, model: str) -> Job:
    """A training that has registered its version and is being judged."""
    wanted = {"data": str(data), "model": model}
    job = queue.enqueue("trainer.jobs.train", wanted, description="training", result_ttl=600)
    wait_for(lambda: job.get_meta(refresh=True).get("stage") == "judging", PATIENCE_S)
    return job


def told(model: str, number: int) -> tuple[str, str, str, str]:
    """How the newest run ended and why, and what the registry says of its version."""
    import mlflow

    from trainer.registry import Registry

    run = mlflow.search_runs(experiment_names=[f"{model}-tfidf"], output_format="list", max_results=1)[0]
    version = Registry(model).version(str(number))
    return run.info.status, run.data.tags.get(unfinished.ENDED_TAG, ""), version.gate, version.gate_reasons[0]


@pytest.mark.slow
def test_a_canceled_training_is_put_away_and_one_that_was_killed_is_found(
    worker, queue, model, tmp_path, tracking_uri
):
    data, kept = write_csv(tmp_path / "data.csv", opinions(300)), tmp_path / "kept"
    canceled = judging(queue, data, model)
    assert len(list(kept.glob("*.run"))) == 1
    assert unfinished.left(kept) == []
    send_stop_job_command(queue.connection, canceled.id, serializer=JSONSerializer)
    wait_for(lambda: canceled.get_status() == "stopped", PATIENCE_S)
    reason = "it was never judged: the judging ended with Stopped"
    assert told(model, 1) == ("KILLED", unfinished.CANCELED, "refused", reason)
    assert not list(kept.glob("*.run"))

    killed = judging(queue, data, model)
    (horse,) = psutil.Process(worker.pid).children()
    horse.kill()
    wait_for(lambda: killed.get_status() == "failed", PATIENCE_S)
    reason = f"it was never judged: {unfinished.KILLED}"
    wait_for(lambda: told(model, 2)[0] == "FAILED", PATIENCE_S)
    assert told(model, 2) == ("FAILED", unfinished.KILLED, "refused", reason)
    wait_for(lambda: not list(kept.glob("*.run")), PATIENCE_S)

    # A machine that stops takes the worker too: the next one finds what was left.
    judging(queue, data, model)
    os.killpg(worker.pid, signal.SIGKILL)
    for child in psutil.Process(worker.pid).children() if psutil.pid_exists(worker.pid) else ():
        child.kill()
    wait_for(lambda: unfinished.left(kept), PATIENCE_S)
    settings = {"TRAINER_CHECKPOINTS": str(kept), "MLFLOW_TRACKING_URI": tracking_uri}
    done = subprocess.run(
        [sys.executable, "-m", "trainer", "tidy"],
        env={**os.environ, **settings}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.startswith("1 runs ended")
    assert told(model, 3)[:3] == ("FAILED", unfinished.KILLED, "refused")
