"""Trainings as processes: stopped and started again, killed, and shared by two."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from . import tiny
from .conftest import opinions, write_csv

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    tiny.need("bert")
    return tiny.write_base(tmp_path_factory.mktemp("base"))


@pytest.fixture
def command(tmp_path, tracking_uri, base):
    """The command line that trains a family on a small file, and its environment."""
    data = write_csv(tmp_path / "data.csv", opinions(1500))

    def make(family: str, model: str, **options: object) -> tuple[list[str], dict[str, str]]:
        tiny.need(family)
        wanted = {**tiny.options(family, lambda: base), **options}
        pairs = [part for name, value in wanted.items() for part in ("--set", f"{name}={value}")]
        arguments = ["-m", "trainer", "train", family, "--data", str(data), "--model", model, *pairs]
        return arguments, {
            **os.environ,
            "MLFLOW_TRACKING_URI": tracking_uri,
            "TRAINER_CHECKPOINTS": str(tmp_path / "checkpoints"),
            "TRAINER_THREADS": "1",
            "TRAINER_NICE": "0",
        }

    return make


def has_checkpoint(tmp_path: Path) -> bool:
    whole = ("epoch-*/curve.json", "checkpoint-*/trainer_state.json")
    return any(list((tmp_path / "checkpoints").glob(f"*/{name}")) for name in whole)


@pytest.mark.parametrize(
    ("family", "sent"),
    [("bilstm", signal.SIGKILL), ("bilstm", signal.SIGINT), ("bert", signal.SIGTERM)],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_training_stopped_after_a_checkpoint_ends_when_asked_for_again(
    command, tmp_path, family, sent, tracking_uri
):
    import mlflow

    model = f"stopped-{family}-{sent.name}"
    mlflow.create_experiment(f"{model}-{family}", artifact_location=str(tmp_path / "artifacts"))
    arguments, environment = command(family, model, epochs=6, patience=6)
    first = subprocess.Popen([sys.executable, *arguments], env=environment, stderr=subprocess.PIPE, text=True)
    with first:
        deadline = time.monotonic() + 600
        while not has_checkpoint(tmp_path) and time.monotonic() < deadline:
            time.sleep(0.02)
        first.send_signal(sent)
        said = first.communicate(timeout=300)[1]
    assert has_checkpoint(tmp_path)
    assert first.returncode == (-signal.SIGKILL if sent == signal.SIGKILL else 130), said
    stopped = "the same command goes on from the last checkpoint" in said
    assert stopped == (sent != signal.SIGKILL)
    again = subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert again.returncode == 0, again.stderr[-3000:]
    assert '"event": "learning.taken_up"' in again.stderr
    assert f"{model} version 1" in again.stdout
    assert not has_checkpoint(tmp_path)
    runs = mlflow.search_runs(experiment_names=[f"{model}-{family}"], output_format="list")
    # A killed process closes nothing: its run stays open in MLflow.
    assert [run.info.status for run in runs] == [
        "FINISHED",
        "RUNNING" if sent == signal.SIGKILL else "FAILED",
    ]
    curve = mlflow.MlflowClient().get_metric_history(runs[0].info.run_id, "learning.watching_loss")
    assert len(curve) == 6


def test_two_processes_train_one_transformer_together(command, tmp_path, tracking_uri):
    import mlflow

    model = "shared"
    mlflow.create_experiment(f"{model}-bert", artifact_location=str(tmp_path / "artifacts"))
    arguments, environment = command("bert", model)
    torchrun = shutil.which("torchrun", path=str(Path(sys.executable).parent))
    done = subprocess.run(
        [torchrun, "--nproc-per-node", "2", "--standalone", *arguments],
        env=environment, capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    runs = mlflow.search_runs(experiment_names=[f"{model}-bert"], output_format="list")
    assert [run.info.status for run in runs] == ["FINISHED"]
    assert runs[0].data.metrics["accuracy"] > 0.9
    # Each step took a batch on either process: half as many steps as one alone would need.
    taught = int(runs[0].data.params["rows.training"]) * 0.9
    history = mlflow.MlflowClient().get_metric_history(runs[0].info.run_id, "learning.epoch")
    an_epoch = min(look.step for look in history)
    assert an_epoch == pytest.approx(taught / 16 / 2, rel=0.05)
    assert f"{model} version 1" in done.stdout
