"""The service that is measured: one started for the occasion, or one that runs already."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks import processes

#: A first start migrates a database and trains a model.
PATIENCE_S = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Where it is. What is empty is not known."""

    api: str
    mlflow: str = ""
    redis: str = ""
    launcher: int = 0
    #: What it prints, and where it keeps its data; of a service that runs already, neither is known.
    log: Path | None = None
    data: Path = Path()


@contextmanager
def started(**told: str) -> Iterator[Service]:
    """Start ``python -m embedded`` on a folder that is deleted afterwards, and wait until it is ready.

    ``told`` are settings of its services.
    """
    with tempfile.TemporaryDirectory(prefix="barometer-") as folder:
        output = Path(folder, "output")
        # The ports are free when asked for; the launcher says in one sentence if they are not any more.
        settings = {"EMBEDDED_MLFLOW_PORT": str(_free_port())}
        command = ["-m", "embedded", "--port", str(_free_port()), "--data", str(Path(folder, "data"))]
        print("starting a service, which trains its first model ...", file=sys.stderr)
        with output.open("wb") as stream:
            process = subprocess.Popen(
                [sys.executable, *command],
                stdout=stream,
                stderr=stream,
                env={**os.environ, **settings, **told},
            )
        try:
            yield _ready(process, output)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()


def worker(launcher: int) -> int | None:
    """Return the process id of the launcher's worker, None while there is none."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            command = stat.with_name("cmdline").read_text().rstrip("\0").split("\0")
        except OSError:
            continue
        if parent == launcher and command[-2:] == ["-m", "worker"]:
            return int(stat.parent.name)
    return None


def _ready(process: "subprocess.Popen[bytes]", output: Path) -> Service:
    deadline = time.monotonic() + PATIENCE_S
    while "Ctrl-C stops everything." not in output.read_text(errors="replace"):
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"the service did not start:\n{output.read_text(errors='replace')[-2000:]}")
        time.sleep(0.1)
    banner = output.read_text(errors="replace")
    addresses = dict(re.findall(r"^  (API|MLflow|Redis) +(\S+)$", banner, re.MULTILINE))
    return Service(
        api=addresses["API"], mlflow=addresses["MLflow"], redis=addresses["Redis"],
        launcher=process.pid, log=output, data=output.parent / "data",
    )  # fmt: skip


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def gateway(redis_url: str, **settings: str) -> Iterator[tuple[str, psutil.Process]]:
    """Run a gateway alone on this Redis; give its address and its process."""
    port = processes.free_port()
    environment = {"REDIS_URL": redis_url, "GATEWAY_PORT": str(port), **settings}
    with tempfile.TemporaryDirectory(prefix="barometer-") as folder:
        log = Path(folder, "gateway.log")
        with processes.running([sys.executable, "-m", "gateway"], log, environment) as process:
            processes.listening(process, port, log)
            yield f"http://127.0.0.1:{port}", psutil.Process(process.pid)
