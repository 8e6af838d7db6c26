"""The load: some connections, one request after the other on each, in a process of its own.

Speaks just enough HTTP/1.1 (keep-alive, Content-Length) to cost little, and says what it cost. Run by
``run``; reads a ``Load`` as JSON on stdin, prints a ``Measured`` as JSON.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

from benchmarks.report import percentile


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Requests with these bodies, in turn; an empty body makes it a GET."""

    url: str
    connections: int
    requests: int
    warm_up: int
    bodies: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """``cpu_s`` is the processor time of the client alone; latencies are sorted, without the warm-up."""

    wall_s: float
    cpu_s: float
    statuses: dict[str, int]
    latencies_ms: list[float]

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.latencies_ms) / self.wall_s

    @property
    def p50(self) -> float:
        """Milliseconds."""
        return percentile(self.latencies_ms, 0.5)

    @property
    def p99(self) -> float:
        """Milliseconds."""
        return percentile(self.latencies_ms, 0.99)

    @property
    def client_us(self) -> float:
        """Microseconds of the client's processor time for one request."""
        return self.cpu_s / len(self.latencies_ms) * 1e6

    def summary(self) -> dict[str, float]:
        """Return what is worth keeping."""
        return {
            "requests": len(self.latencies_ms),
            "rate": self.rate,
            "p50_ms": self.p50,
            "p99_ms": self.p99,
            "client_cpu_us": self.client_us,
        }


def run(load: Load) -> Measured:
    """Put the load on from another process.

    Raises:
        SystemExit: a request was not answered with 2xx.
    """
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.client"],
        input=json.dumps(asdict(load)),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    measured = Measured(**json.loads(done.stdout))
    if any(not status.startswith("2") for status in measured.statuses):
        raise SystemExit(f"{load.url} answered {measured.statuses}: look at the service's log.")
    return measured


class _Connection:
    """One keep-alive connection."""

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)

    async def open(self) -> None:
        assert self._url.hostname
        self._reader, self._writer = await asyncio.open_connection(self._url.hostname, self._url.port or 80)

    def request(self, body: str) -> bytes:
        content = body.encode()
        post = f"Content-Type: application/json\r\nPrefer: wait\r\nContent-Length: {len(content)}\r\n"
        head = f"{'POST' if body else 'GET'} {self._url.path} HTTP/1.1\r\nHost: {self._url.netloc}\r\n"
        return f"{head}{post if body else ''}\r\n".encode() + content

    async def send(self, request: bytes) -> str:
        """Send one request, read its answer whole, return the status."""
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        await self._reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
        return head.split(maxsplit=2)[1].decode()


async def _measure(load: Load) -> Measured:
    connections = [_Connection(load.url) for _ in range(load.connections)]
    for connection in connections:
        await connection.open()
    # Built before the clock runs.
    requests = [connections[0].request(body) for body in load.bodies]
    statuses: Counter[str] = Counter()
    latencies: list[float] = []

    async def work(connection: _Connection, turns: Iterator[int]) -> None:
        for turn in turns:
            begun = time.perf_counter()
            statuses[await connection.send(requests[turn % len(requests)])] += 1
            latencies.append((time.perf_counter() - begun) * 1e3)

    async def all_work(turns: Iterator[int]) -> None:
        await asyncio.gather(*(work(connection, turns) for connection in connections))

    await all_work(iter(range(load.warm_up)))
    latencies.clear()
    begun, cpu = time.perf_counter(), time.process_time()
    await all_work(iter(range(load.warm_up, load.warm_up + load.requests)))
    return Measured(
        wall_s=time.perf_counter() - begun,
        cpu_s=time.process_time() - cpu,
        statuses=dict(statuses),
        latencies_ms=sorted(latencies),
    )


def main() -> None:
    import uvloop

    load = Load(**json.loads(sys.stdin.read()))
    print(json.dumps(asdict(uvloop.run(_measure(load)))))


if __name__ == "__main__":
    main()
