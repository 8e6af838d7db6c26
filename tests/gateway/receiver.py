"""A webhook receiver on loopback that answers as it is told and remembers what it got."""

import contextlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True, slots=True)
class Received:
    headers: dict[str, str]
    body: bytes
    at: float


@dataclass(slots=True)
class Receiver:
    """``answers`` are used up one a request, then 204; an answer is a status and headers, ``said`` its body.

    ``echoes``: the body is what came. ``never_ends``: more of it comes for as long as anybody listens.
    """

    url: str
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    hang_s: float = 0
    said: bytes = b""
    echoes: bool = False
    never_ends: bool = False


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    receiver: Receiver


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        receiver = self.server.receiver
        body = self.rfile.read(length := int(self.headers["Content-Length"]))
        if len(body) < length:
            return  # its sender was killed in the middle of it
        receiver.received.append(Received({k.lower(): v for k, v in self.headers.items()}, body, time.time()))
        time.sleep(receiver.hang_s)
        status, headers = receiver.answers.pop(0) if receiver.answers else (204, {})
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(body if receiver.echoes else receiver.said)
            while receiver.never_ends:
                self.wfile.write(b"more")
                time.sleep(0.05)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def receiving(*answers: tuple[int, dict[str, str]], hang_s: float = 0) -> Iterator[Receiver]:
    server = _Server(("127.0.0.1", 0), _Handler)
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}/hook", list(answers), hang_s=hang_s)
    server.receiver = receiver
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
