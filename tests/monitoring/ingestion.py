"""A peer that speaks the ingestion protocol of Application Insights, on loopback, with faults on demand.

It accepts ``POST .../track`` with a JSON array of envelopes, plain or gzipped, and keeps what it accepted.
"""

import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "00000000-0000-4000-8000-000000000000"


@dataclass
class Ingestion:
    """What the peer is told to do and what it has seen. ``hang`` is released when the peer stops."""

    port: int = 0
    status: int = 200
    is_hanging: bool = False
    requests: int = 0
    envelopes: list[dict[str, Any]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def connection_string(self) -> str:
        return f"InstrumentationKey={KEY};IngestionEndpoint=http://127.0.0.1:{self.port}/"

    def events(self, name: str) -> list[dict[str, Any]]:
        """The properties of the custom events of this name."""
        data = [e["data"]["baseData"] for e in self.envelopes if e["data"]["baseType"] == "EventData"]
        return [event["properties"] for event in data if event["name"] == name]


def eventually(condition: Callable[[], bool], within_s: float = 15) -> bool:
    """Whether a condition comes true; generous, because the machine may be busy."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@contextmanager
def ingestion() -> Iterator[Ingestion]:
    """Serve until the block ends."""
    state = Ingestion()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            items = json.loads(body)
            state.requests += 1
            if state.is_hanging:
                state.released.wait()
                return
            status = state.status if self.path.split("?")[0].endswith("/track") else 404
            accepted = items if status == 200 else []
            state.envelopes += accepted
            self._answer(status, {"itemsReceived": len(items), "itemsAccepted": len(accepted), "errors": []})

        def _answer(self, status: int, document: dict[str, Any]) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            if status == 429:
                self.send_header("Retry-After", "60")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield state
        finally:
            state.released.set()
            server.shutdown()
            thread.join()
