"""Services as processes, each with the Redis user of its own, here or on another host."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.end_to_end.barometer import REPOSITORY, environment
from tests.working import wait_for


class Service:
    """One process and what it logged. A worker that is cut off or paused must still be ended: by SIGKILL."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self.process, self.log = process, log

    def events(self) -> list[str]:
        """Names of the events it has logged so far."""
        lines = self.log.read_text().splitlines()
        return [json.loads(line)["event"] for line in lines if line.startswith("{")]

    def said(self, event: str) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        return event in self.events()

    def stop(self) -> int:
        """Ask it to end; return its exit code. uvicorn raises the signal again once all is closed."""
        self.process.terminate()
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def end(self) -> None:
        """End it, whatever state it is in."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait(10)


@contextmanager
def service(log: Path, *module: str, within: Sequence[str] = (), **settings: str) -> Iterator[Service]:
    """Run ``python -m MODULE``; its lines are in ``log``, and models it fetches beside it."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*within, sys.executable, "-m", *module],
            env=environment(WORKER_CACHE=str(log.with_suffix(".models")), **settings),
            cwd=REPOSITORY,
            stdout=output,
            stderr=output,
        )
    running = Service(process, log)
    try:
        yield running
    finally:
        running.end()


def all_say(services: dict[Service, str], seconds: float = 120) -> None:
    """Wait until each has logged its event."""
    wait_for(lambda: all(one.said(event) for one, event in services.items()), seconds)


def registered(folder: Path) -> str:
    """Put the rule into a registry of its own, as champion; return its tracking URI."""
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    code = (
        "import sys, mlflow\n"
        "mlflow.set_tracking_uri(sys.argv[1])\n"
        "with mlflow.start_run():\n"
        "    mlflow.pyfunc.log_model(name='model', python_model=sys.argv[2], pip_requirements=[],\n"
        "                            registered_model_name='sentiment')\n"
        "mlflow.MlflowClient().set_registered_model_alias('sentiment', 'champion', '1')\n"
    )
    settings = {"MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONWARNINGS": "ignore"}
    made = subprocess.run(
        [sys.executable, "-c", code, uri, Path(__file__).with_name("rule_model.py")],
        check=False,
        cwd=folder,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    return uri
