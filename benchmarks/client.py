"""The load: some connections, one request after the other on each, in a process of its own.

Speaks just enough HTTP/1.1 (keep-alive, Content-Length) over plain sockets to cost little beside any server,
and says what it cost. Run by ``run``; reads a ``Load`` as JSON on stdin, prints a ``Measured`` as JSON.
"""

import json
import math
import select
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from dataclasses import asdict, dataclass, field
from urllib.parse import urlsplit

from benchmarks.report import percentile

#: The label of an answer is what follows here, in whatever object it lies; an input is never before it.
LABEL = b'"label":'


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Requests with these bodies, in turn; an empty body makes it a GET.

    It ends after ``requests`` or after ``seconds``, whichever comes first. The first ``warm_up`` answers come
    before the clock, on the same connections: no connection rests between them and what is measured.
    With ``labels``, one for each body, an answer that bears another label is counted as wrong; more of them
    than the share ``tolerance`` stop the benchmark.
    """

    url: str
    connections: int
    requests: int
    warm_up: int
    bodies: list[str]
    seconds: float = 3600
    labels: list[str] = field(default_factory=list)
    tolerance: float = 0.0
    wait: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """``cpu_s`` is the processor time of the client alone; latencies are sorted, without the warm-up."""

    wall_s: float
    cpu_s: float
    statuses: dict[str, int]
    wrong: int
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


class Unmeasured(SystemExit):
    """A server that did not bear the load, in a sentence; it ends the benchmark unless somebody goes on."""


def run(load: Load) -> Measured:
    """Put the load on from another process.

    Raises:
        Unmeasured: a request was not answered, or not with 2xx, or with a wrong label.
    """
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.client"],
        input=json.dumps(asdict(load)),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Unmeasured(f"{load.url} could not be measured: {done.stderr.strip().splitlines()[-1]}")
    measured = Measured(**json.loads(done.stdout))
    if any(not status.startswith("2") for status in measured.statuses):
        raise Unmeasured(f"{load.url} answered {measured.statuses}: look at the service's log.")
    if measured.wrong > sum(measured.statuses.values()) * load.tolerance:
        raise Unmeasured(f"{load.url} gave {measured.wrong} answers that the model does not give.")
    return measured


class _Connection:
    """One keep-alive connection, and the request that is under way on it."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answer = b""
        self._length = 0
        self.turn = 0
        self.begun = 0.0

    def send(self, turn: int, request: bytes) -> None:
        self.turn, self.begun = turn, time.perf_counter()
        self._answer, self._length = b"", 0
        self.socket.sendall(request)

    def receive(self) -> bytes | None:
        """Read what is there; return the answer once it is whole."""
        more = self.socket.recv(65_536)
        if not more:
            raise SystemExit("the server closed a connection.")
        self._answer += more
        if not self._length:
            head, blank, _ = self._answer.partition(b"\r\n\r\n")
            if not blank:
                return None
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            self._length = len(head) + len(blank) + int(length)
        return self._answer if len(self._answer) >= self._length else None


class _Crowd:
    """All connections, driven by one epoll."""

    def __init__(self, load: Load) -> None:
        address = urlsplit(load.url)
        assert address.hostname
        self._load = load
        # Built before the clock runs.
        self._requests = [request(load, body) for body in load.bodies]
        self._labels = [label.encode() for label in load.labels]
        self._epoll = select.epoll()
        connections = [_Connection(address.hostname, address.port or 80) for _ in range(load.connections)]
        self._connections = {one.socket.fileno(): one for one in connections}
        for descriptor in self._connections:
            self._epoll.register(descriptor, select.EPOLLIN)
        self._next = 0
        self._statuses: Counter[str] = Counter()
        self._wrong = 0

    def put(self) -> Measured:
        """Put the load on until its end."""
        latencies: list[float] = []
        warm_up, last = self._load.warm_up, self._load.warm_up + self._load.requests
        begun, cpu = time.perf_counter(), time.process_time()
        until = math.inf if warm_up else begun + self._load.seconds
        for descriptor in list(self._connections):
            self._send_or_close(descriptor, goes_on=self._next < last)
        while self._connections:
            for descriptor in self._ready():
                connection = self._connections[descriptor]
                if (answer := connection.receive()) is None:
                    continue
                now = time.perf_counter()
                self._check(connection.turn, answer)
                if warm_up:
                    warm_up -= 1
                    if not warm_up:
                        begun, cpu, until = now, time.process_time(), now + self._load.seconds
                else:
                    latencies.append((now - connection.begun) * 1e3)
                self._send_or_close(descriptor, goes_on=self._next < last and now < until)
        return Measured(
            wall_s=time.perf_counter() - begun,
            cpu_s=time.process_time() - cpu,
            statuses=dict(self._statuses),
            wrong=self._wrong,
            latencies_ms=sorted(latencies),
        )

    def close(self) -> None:
        self._epoll.close()
        for connection in self._connections.values():
            connection.socket.close()

    def _ready(self) -> list[int]:
        """Wait for connections on which something came."""
        if found := self._epoll.poll(60):
            return [descriptor for descriptor, _ in found]
        raise SystemExit(f"{self._load.url} has not answered for a minute: look at the service's log.")

    def _send_or_close(self, descriptor: int, *, goes_on: bool) -> None:
        """Send the next request, or close: a server hangs up on whoever rests, and that is no fault."""
        if goes_on:
            connection = self._connections[descriptor]
            connection.send(self._next, self._requests[self._next % len(self._requests)])
            self._next += 1
        else:
            self._connections.pop(descriptor).socket.close()

    def _check(self, turn: int, answer: bytes) -> None:
        self._statuses[answer[9:12].decode()] += 1
        if self._labels:
            said = answer.partition(LABEL)[2].split(b'"', 2)[1:2]
            self._wrong += said != [self._labels[turn % len(self._labels)]]


def request(load: Load, body: str) -> bytes:
    """Return one request as it is sent."""
    address = urlsplit(load.url)
    content = body.encode()
    wait = "Prefer: wait\r\n" if load.wait else ""
    post = f"Content-Type: application/json\r\n{wait}Content-Length: {len(content)}\r\n"
    head = f"{'POST' if body else 'GET'} {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\n"
    return f"{head}{post if body else ''}\r\n".encode() + content


def measure(load: Load) -> Measured:
    """Put the load on from this process."""
    with closing(_Crowd(load)) as crowd:
        return crowd.put()


def main() -> None:
    load = Load(**json.loads(sys.stdin.read()))
    print(json.dumps(asdict(measure(load))))


if __name__ == "__main__":
    main()
