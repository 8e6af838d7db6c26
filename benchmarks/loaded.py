"""The service's processes under load, and the processor time of each.

Workers stand still while the queue is filled, so that putting in and taking out are measured apart, and so
that several begin at the same moment.
"""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from redis import Redis

from benchmarks import client, redis_server
from benchmarks.client import Load, Measured
from benchmarks.processes import free_port, listening, running, tail
from benchmarks.registry import Model
from contract import keys

#: The share of the predictions that has ended when the clock starts: by then every worker is at work.
SKIPPED = 0.05
CONNECTIONS = 64
PATIENCE_S = 60
LOOK_S = 0.005


@dataclass(frozen=True, slots=True)
class Cpu:
    """Seconds of processor time since each process began; those of all workers together."""

    gateway: float
    redis: float
    workers: float

    def since(self, before: "Cpu") -> "Cpu":
        """Return the difference."""
        return Cpu(self.gateway - before.gateway, self.redis - before.redis, self.workers - before.workers)


@dataclass(frozen=True, slots=True)
class Phase:
    """So many predictions, in so many seconds, for so much processor time."""

    predictions: int
    seconds: float
    cpu: Cpu


class Place:
    """One gateway, some workers and a Redis of their own; made by ``started``."""

    def __init__(
        self, redis: "Redis", api: str, gateway: int, workers: Sequence["subprocess.Popen[bytes]"], log: Path
    ) -> None:
        self._redis, self._api = redis, api
        self._gateway, self._workers, self._log = gateway, workers, log

    def fill(self, texts: Sequence[str]) -> Phase:
        """Put a prediction for each text into the queue, and leave it there."""
        self._signal(signal.SIGSTOP)
        before = self._cpu()
        measured = self._send(texts, wait=False)
        return Phase(len(texts), measured.wall_s, self._cpu().since(before))

    def drain(self, count: int) -> Phase:
        """Let the workers loose on as many predictions; measure from the first twentieth to the last.

        Raises:
            SystemExit: nothing ended for a minute.
        """
        self._signal(signal.SIGCONT)
        start = self._ended(round(count * SKIPPED))
        began, before = time.perf_counter(), self._cpu()
        end = self._ended(count)
        return Phase(end - start, time.perf_counter() - began, self._cpu().since(before))

    def answer(self, texts: Sequence[str]) -> tuple[Phase, Measured]:
        """Send each text and wait for its answer, on as many connections as ``CONNECTIONS``."""
        before = self._cpu()
        measured = self._send(texts, wait=True)
        return Phase(len(texts), measured.wall_s, self._cpu().since(before)), measured

    def _send(self, texts: Sequence[str], *, wait: bool) -> Measured:
        bodies = [json.dumps({"input": {"text": text}}) for text in texts]
        return client.run(
            Load(
                url=f"{self._api}/v1/predictions",
                connections=CONNECTIONS,
                requests=len(texts),
                warm_up=0,
                bodies=bodies,
                wait=wait,
            )
        )

    def _ended(self, count: int) -> int:
        """Wait until as many have ended; return how many. Each end is one entry in the stream."""
        last, changed = 0, time.monotonic()
        while (ended := int(self._redis.xlen(keys.EVENTS))) < count:
            if ended > last:
                last, changed = ended, time.monotonic()
            if time.monotonic() - changed > PATIENCE_S:
                raise SystemExit(f"nothing has ended for {PATIENCE_S} s:\n{tail(self._log)}")
            time.sleep(LOOK_S)
        return ended

    def _cpu(self) -> Cpu:
        return Cpu(
            _cpu_s(self._gateway),
            redis_server.cost(self._redis).cpu_s,
            sum(_cpu_s(worker.pid) for worker in self._workers),
        )

    def _signal(self, number: signal.Signals) -> None:
        for worker in self._workers:
            os.kill(worker.pid, number)


@contextmanager
def started(model: Model, workers: int, batch: int) -> Iterator[Place]:
    """Start Redis, a gateway and so many workers on this model, and wait until all are ready."""
    with TemporaryDirectory(prefix="barometer-") as folder, ExitStack() as stack:
        url = stack.enter_context(redis_server.started())
        redis = stack.enter_context(Redis.from_url(url, decode_responses=True))
        port, log = free_port(), Path(folder, "log")
        settings = {
            "REDIS_URL": url, "MLFLOW_TRACKING_URI": model.mlflow,
            "GATEWAY_MODEL": model.name, "GATEWAY_PORT": str(port), "GATEWAY_QUEUE_LIMIT": "1000000",
            "WORKER_MODEL": model.name, "WORKER_BATCH_SIZE": str(batch), "WORKER_THREADS": "1",
            "WORKER_CACHE": str(Path(folder, "models")),
        }  # fmt: skip
        gateway = stack.enter_context(running([sys.executable, "-m", "gateway"], log, settings))
        working = [
            stack.enter_context(running([sys.executable, "-m", "worker"], log, settings))
            for _ in range(workers)
        ]
        listening(gateway, port, log)
        api = f"http://127.0.0.1:{port}"
        _await_workers(api, workers, log)
        place = Place(redis, api, gateway.pid, working, log)
        try:
            yield place
        finally:
            for worker in working:
                # One that stands still would not hear that it shall end.
                worker.send_signal(signal.SIGCONT)


def _await_workers(api: str, count: int, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(f"{api}/readyz", timeout=5) as answer:
                if json.load(answer)["workers"] >= count:
                    return
        except OSError:
            pass
        if time.monotonic() > deadline:
            raise SystemExit(f"the workers are not ready after {PATIENCE_S} s:\n{tail(log)}")
        time.sleep(0.1)


def _cpu_s(pid: int) -> float:
    """Seconds that a process has used, its threads included; proc(5), fields 14 and 15."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
