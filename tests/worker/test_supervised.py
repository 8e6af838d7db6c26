"""What a worker's supervisor hears, and what it is told before a reload."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.worker.registering import Mlflow
from worker.__main__ import app


class Supervisor:
    """Where systemd would listen; it remembers the last status."""

    def __init__(self, channel: socket.socket) -> None:
        self.channel, self.status = channel, ""

    def hears(self, *words: str, exactly: str = "") -> None:
        """Wait until the status says all of the words, or nothing but ``exactly``."""
        end = time.monotonic() + 60
        while not all(word in self.status for word in words) or (exactly and self.status != exactly):
            assert time.monotonic() < end, self.status
            for line in self.channel.recv(4096).decode().splitlines():
                if line.startswith("STATUS="):
                    self.status = line.removeprefix("STATUS=")


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(Path(folder) / "notify"))
        channel.settimeout(60)
        yield Supervisor(channel)


@contextmanager
def worker(
    mlflow: Mlflow, redis_url: str, cache: Path, heard_at: socket.socket
) -> Iterator[subprocess.Popen]:
    environment = {
        **os.environ, "REDIS_URL": redis_url, "MLFLOW_TRACKING_URI": mlflow.url, "WORKER_MODEL": "supervised",
        "WORKER_CACHE": str(cache), "WORKER_ALIAS_POLL": "PT0.1S", "NOTIFY_SOCKET": heard_at.getsockname(),
    }  # fmt: skip
    process = subprocess.Popen([sys.executable, "-m", "worker"], env=environment, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_its_status_says_what_serves_and_what_is_wrong(mlflow, redis_url, tmp_path, supervisor) -> None:
    with worker(mlflow, redis_url, tmp_path, supervisor.channel) as process:
        supervisor.hears("nothing serves yet", "champion")
        good = mlflow.register("supervised")
        mlflow.promote("supervised", good)
        supervisor.hears(f"version {good} serves")
        bad = mlflow.register("supervised", on_load="raise ValueError")
        mlflow.promote("supervised", bad)
        supervisor.hears(f"version {good} serves", f"version {bad} was refused")
        mlflow.promote("supervised", good)
        supervisor.hears(exactly=f"version {good} serves")
        with mlflow.away():
            process.send_signal(signal.SIGHUP)
            supervisor.hears(f"version {good} serves", "MLflow")
        supervisor.hears(exactly=f"version {good} serves")
        assert process.poll() is None


def check(mlflow: Mlflow, **settings: str) -> Result:
    """The command line in this process: a start of Python is most of what it costs."""
    return CliRunner().invoke(app, ["check"], env={"MLFLOW_TRACKING_URI": mlflow.url, **settings})


def test_before_a_reload_it_says_what_it_could_not_go_by(mlflow: Mlflow) -> None:
    mlflow.promote("checked", mlflow.register("checked"))
    done = check(mlflow, WORKER_MODEL="checked")
    assert (done.exit_code, done.stdout) == (0, "checked: version 1 is the champion\n")
    done = check(mlflow, WORKER_MODEL="nobody_made_it")
    assert (done.exit_code, "champion" in done.stderr) == (1, True)
    with mlflow.away():
        done = check(mlflow, WORKER_MODEL="checked")
    assert (done.exit_code, "MLflow" in done.stderr) == (1, True)
    done = check(mlflow, WORKER_BATCH_SIZE="many")
    assert (done.exit_code, "batch_size" in done.stderr.lower()) == (2, True)
    assert "Traceback" not in done.stderr
