"""A peer that speaks the ingestion protocol of Application Insights, on loopback, with faults on demand.

It accepts ``POST .../track`` with a JSON array of envelopes, plain or gzipped, and keeps what it accepted.
"""

import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

KEY = "00000000-0000-4000-8000-000000000000"

#: What a peer can be told to do; ``refused`` is no peer at all.
FAULTS = ("none", "slow", "429", "439", "206", "500", "hang", "cut", "refused")
#: How long one that is slow takes for each answer.
SLOW_S = 2.0


@dataclass
class Ingestion:
    """What the peer is told to do and what it has seen.

    ``is_hanging`` answers nothing until the peer stops; ``is_cutting`` takes what comes and hangs up without
    an answer; ``is_partial`` takes all but every third item, which may come again.
    """

    port: int = 0
    own_port: int = 0
    status: int = 200
    is_hanging: bool = False
    is_cutting: bool = False
    is_partial: bool = False
    delay_s: float = 0
    requests: int = 0
    envelopes: list[dict[str, Any]] = field(default_factory=list)
    received: bytes = b""
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def connection_string(self) -> str:
        return f"InstrumentationKey={KEY};IngestionEndpoint=http://127.0.0.1:{self.port}/"

    def fail(self, fault: str) -> None:
        """Behave as one of ``FAULTS`` from now on."""
        self.is_hanging, self.is_cutting, self.is_partial = fault == "hang", fault == "cut", fault == "206"
        self.delay_s = SLOW_S if fault == "slow" else 0
        self.status = int(fault) if fault in ("429", "439", "500") else 200
        self.port = free_port() if fault == "refused" else self.own_port

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The data of all envelopes of a kind: RequestData, RemoteDependencyData, ExceptionData, ..."""
        return [e["data"]["baseData"] for e in self.envelopes if e["data"]["baseType"] == kind]

    def events(self, name: str) -> list[dict[str, Any]]:
        """The properties of the custom events of this name."""
        return [event["properties"] for event in self.of("EventData") if event["name"] == name]

    def times(self, name: str) -> list[str]:
        """The times of the custom events of this name."""
        found = [e for e in self.envelopes if e["data"]["baseType"] == "EventData"]
        return [e["time"] for e in found if e["data"]["baseData"]["name"] == name]

    def metrics(self, name: str) -> list[tuple[dict[str, str], float]]:
        """Dimensions and value of each point of this metric."""
        points = [(data, data["metrics"][0]) for data in self.of("MetricData")]
        return [(data["properties"], point["value"]) for data, point in points if point["name"] == name]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def eventually(condition: Callable[[], bool], within_s: float = 60) -> bool:
    """Whether a condition comes true; generous, because the machine may be busy."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def rested(folder: Path) -> None:
    """End the rest of what waits on disk before it is tried again."""
    for path in folder.iterdir():
        path.rename(str(path).partition("@")[0])


def waiting(folder: Path) -> list[dict[str, Any]]:
    """The envelopes that wait on disk."""
    return [json.loads(line) for path in sorted(folder.iterdir()) for line in path.read_text().splitlines()]


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        peer = self.server.state
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        items = json.loads(body)
        peer.requests += 1
        peer.received += body
        if peer.is_hanging:
            peer.released.wait()
            return
        time.sleep(peer.delay_s)
        status = peer.status if self.path.split("?")[0].endswith("/track") else 404
        refused = set(range(0, len(items), 3)) if peer.is_partial else set()
        accepted = [item for i, item in enumerate(items) if status == 200 and i not in refused]
        peer.envelopes += accepted
        if peer.is_cutting:
            return
        errors = [{"index": i, "statusCode": 429, "message": "too many"} for i in sorted(refused)]
        said = {"itemsReceived": len(items), "itemsAccepted": len(accepted), "errors": errors}
        self._answer(206 if refused else status, said)

    def _answer(self, status: int, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        if status == 429:
            self.send_header("Retry-After", "60")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, state: Ingestion) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.state = state
        state.port = state.own_port = self.server_address[1]


@contextmanager
def ingestion() -> Iterator[Ingestion]:
    """Serve until the block ends."""
    state = Ingestion()
    with _Server(state) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield state
        finally:
            state.released.set()
            server.shutdown()
            thread.join()
