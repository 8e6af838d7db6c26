"""One registered model, asked in each way it can be: every way answers the same."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

from trainer.canary import CANARIES

from .conftest import opinions, write_csv


@pytest.fixture
def registered(model, tracking_uri, tmp_path):
    """The name of a model with a champion."""
    from trainer.floors import Limits
    from trainer.registry import Registry
    from trainer.training import Request as Training
    from trainer.training import train

    data = write_csv(tmp_path / "data.csv", opinions(300))
    limits = Limits(ece=0.5, behaviour={})
    assert train(Training(data=data, model=model), Registry(model), limits, lambda step: None).promoted
    return model


@pytest.fixture
def worker_answers(registered, tmp_path):
    """What a worker answers to the canaries."""
    import mlflow

    from worker.loading import load, read

    folder = Path(
        mlflow.artifacts.download_artifacts(f"models:/{registered}@champion", dst_path=str(tmp_path))
    )
    model = load(read(folder), "1", {})
    return [(answer.label, answer.score, dict(answer.scores)) for answer in model.predict(CANARIES)]


def told(answers):
    return [(one["label"], one["score"], one["scores"]) for one in answers]


def test_mlflow_loads_what_the_worker_serves(registered, worker_answers):
    import mlflow

    loaded = mlflow.pyfunc.load_model(f"models:/{registered}@champion")
    assert told(loaded.predict(list(CANARIES))) == worker_answers


@pytest.mark.slow
def test_mlflow_models_serve_answers_what_the_worker_answers(registered, worker_answers, tracking_uri):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "MLFLOW_TRACKING_URI": tracking_uri,
        "PYTHONWARNINGS": "ignore",
    }
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", f"models:/{registered}@champion"]
    server = subprocess.Popen(
        [*command, "--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        answers = _ask(f"http://127.0.0.1:{port}/invocations", list(CANARIES))
    finally:
        # It leaves children behind when only it is told to end.
        os.killpg(server.pid, 15)
        server.wait(30)
    assert told(answers) == worker_answers


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning:pyspark")
def test_spark_answers_what_the_worker_answers(registered, worker_answers):
    pyspark = pytest.importorskip("pyspark")
    import mlflow

    spark = pyspark.sql.SparkSession.builder.master("local[1]").getOrCreate()
    try:
        ask = mlflow.pyfunc.spark_udf(
            spark, f"models:/{registered}@champion", env_manager="local",
            result_type="label string, score double, scores map<string, double>",
        )  # fmt: skip
        frame = spark.createDataFrame([(text,) for text in CANARIES], ["text"])
        rows = frame.select(ask("text").alias("answer")).collect()
    finally:
        spark.stop()
    assert [(row.answer.label, row.answer.score, row.answer.scores) for row in rows] == worker_answers


def _ask(address, texts):
    request = Request(
        address, json.dumps({"inputs": texts}).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    deadline = time.monotonic() + 120
    while True:
        try:
            with urlopen(request, timeout=30) as answer:
                return json.load(answer)["predictions"]
        except (URLError, ConnectionError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
