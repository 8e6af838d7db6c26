"""Barometer as a user meets it: ``python -m embedded`` in a process of its own, and what its banner says.

Knows the launcher, HTTP and, to strike a worker at an exact moment, the leases in Redis; imports no service.
"""

import os
import re
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import httpx2
from redis import Redis

from contract import keys
from tests.embedded.processes import Launcher, descendants, survivors
from tests.gateway.conftest import free_port

REPOSITORY = Path(__file__).parents[2]
#: Settings of whoever runs the tests, which must not reach what is tested.
SETTINGS = (
    "REDIS_URL", "MLFLOW_", "APPLICATIONINSIGHTS_", "OTEL_",
    "EMBEDDED_", "GATEWAY_", "WORKER_", "TRAINER_", "MONITORING_",
)  # fmt: skip


def environment(**settings: str) -> dict[str, str]:
    """The environment without any setting of ours but these."""
    return {k: v for k, v in os.environ.items() if not k.startswith(SETTINGS)} | settings


class Barometer:
    """One launcher on a data folder of its own. It can be stopped and started again, on the same ports."""

    def __init__(self, **settings: str) -> None:
        # Not tmp_path: the path of a socket must be short.
        self.folder = Path(tempfile.mkdtemp(prefix="barometer-"))
        self.data = self.folder / "data"
        self.environment = environment(EMBEDDED_MLFLOW_PORT=str(free_port()), **settings)
        self._port = str(free_port())
        self.start()

    def start(self) -> None:
        """Start the launcher and wait for its banner."""
        arguments = ("-m", "embedded", "--port", self._port, "--data", str(self.data))
        self.launcher = Launcher(self.folder, *arguments, environment=self.environment)
        self.banner = self.launcher.wait_for("Ctrl-C stops everything.", 170)
        self.api, self.mlflow, self.redis_url = (self._address(name) for name in ("API", "MLflow", "Redis"))
        self.http = httpx2.Client(base_url=self.api, timeout=70, trust_env=False)
        self.redis = Redis.from_url(self.redis_url, decode_responses=True)

    def stop(self) -> int:
        """Press Ctrl-C; return the launcher's exit code."""
        self.http.close()
        self.redis.close()
        self.launcher.process.send_signal(signal.SIGINT)
        return self.launcher.process.wait(60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        children = descendants(self.launcher.process.pid)
        try:
            if self.launcher.process.poll() is None:
                self.stop()
        finally:
            self.launcher.process.kill()
            self.launcher.process.wait()
            for pid in survivors(children):
                os.kill(pid, signal.SIGKILL)
            shutil.rmtree(self.folder)

    def processes(self) -> dict[int, list[str]]:
        """Every process below the launcher, with its command line."""
        commands = {pid: command(pid) for pid in descendants(self.launcher.process.pid)}
        return {pid: words for pid, words in commands.items() if words}

    def worker(self) -> int | None:
        """The worker's process; None while there is none."""
        found = [pid for pid, words in self.processes().items() if words[-2:] == ["-m", "worker"]]
        return found[0] if found else None

    def create(self, text: str, prefer: str | None = None, **fields: object) -> dict[str, Any]:
        """Send one text; return the prediction object."""
        headers = {"Prefer": prefer} if prefer else {}
        answer = self.http.post("/v1/predictions", json={"input": {"text": text}, **fields}, headers=headers)
        assert answer.is_success, answer.text
        return answer.json()

    def read(self, id: str) -> dict[str, Any]:
        """Return the prediction object as it is now."""
        return self.http.get(f"/v1/predictions/{id}").raise_for_status().json()

    def ended(self, id: str) -> dict[str, Any]:
        """Wait until the prediction has ended, and return it."""
        headers = {"Prefer": "wait"}
        return self.http.get(f"/v1/predictions/{id}", headers=headers).raise_for_status().json()

    def ends(self) -> Counter[str]:
        """How many terminal events the stream has for each prediction."""
        return ends(self.redis)

    def leases(self) -> set[str]:
        """``id:fence`` of every prediction that a worker holds, or held when it died."""
        return set(self.redis.zrange(keys.LEASES, 0, -1))

    @contextmanager
    def worker_paused(self) -> Iterator[int]:
        """The worker stands still, idle or not."""
        pid = self.worker()
        assert pid is not None
        pause(pid)
        try:
            yield pid
        finally:
            os.kill(pid, signal.SIGCONT)

    def catch_worker(self, feed: Callable[[], object], old: set[str] = frozenset()) -> int:
        """Pause the worker in the middle of a batch, its claim made and nothing committed; return its pid.

        Args:
            feed: puts some more into the queue, called while the worker stands still and nothing waits:
                a batch takes two milliseconds, and may be missed.
            old: leases of workers that are dead.
        """
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            pid = self.worker()
            if pid is None:
                continue
            if not self.redis.llen(keys.queue("sentiment")):
                with self.worker_paused():
                    feed()
            # The process is looked up now and then only: that takes longer than a batch.
            for _ in range(200):
                if self.leases() - old:
                    pause(pid)
                    if self.leases() - old:
                        return pid
                    os.kill(pid, signal.SIGCONT)
        raise AssertionError("no worker was ever seen with a batch in its hands")

    def logs(self) -> str:
        """All that was printed by the launcher and its services, and all they wrote to log files."""
        files = [self.launcher.output, *sorted((self.data / "logs").iterdir())]
        return "\n".join(file.read_text(errors="replace") for file in files)

    def _address(self, name: str) -> str:
        found = re.search(rf"^ +{name} +(\S+)$", self.banner, re.MULTILINE)
        assert found, self.banner
        return found[1]


def ends(redis: "Redis") -> Counter[str]:
    """How many terminal events the stream has for each prediction."""
    entries = redis.xrange(keys.EVENTS)
    return Counter(fields["id"] for _, fields in entries if fields["type"].startswith("prediction."))


def command(pid: int) -> list[str]:
    """The command line of a process; nothing for one that is gone or not yet buried."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").split("\0")
    except OSError:
        return []


def pause(pid: int) -> None:
    """Stop the process in its tracks; returns when it stands, and Redis has read what it had sent."""
    os.kill(pid, signal.SIGSTOP)
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        time.sleep(0.001)
    time.sleep(0.01)
