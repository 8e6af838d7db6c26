"""An OpenTelemetry collector on loopback: takes OTLP over HTTP, keeps what came, and fails on demand."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1 import trace_pb2


@dataclass(frozen=True)
class Span:
    """One span as it came over the wire. Ids are hexadecimal; ``link`` and ``where`` are (trace, span)."""

    service: str
    name: str
    kind: str
    trace: str
    id: str
    parent: str
    links: list[tuple[str, str]]
    attributes: dict[str, Any]
    is_failed: bool
    began_ns: int
    ended_ns: int

    @property
    def where(self) -> tuple[str, str]:
        return self.trace, self.id


@dataclass
class Collector:
    """What it is told to do, and what it has seen. One that hangs is released when it stops."""

    endpoint: str = ""
    status: int = 200
    is_hanging: bool = False
    requests: int = 0
    received: bytes = b""
    spans: list[Span] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]

    def one(self, name: str) -> Span:
        found = self.named(name)
        assert len(found) == 1, (name, [span.name for span in self.spans])
        return found[0]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    collector: Collector


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        collector = self.server.collector
        body = self.rfile.read(int(self.headers["Content-Length"]))
        collector.requests += 1
        collector.received += body
        if collector.is_hanging:
            collector.released.wait()
            return
        status = collector.status if self.path == "/v1/traces" else 404
        if status == 200:
            collector.spans += _spans(body)
        self.send_response(status)
        if status == 429:
            self.send_header("Retry-After", "60")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def _spans(body: bytes) -> list[Span]:
    request = ExportTraceServiceRequest.FromString(body)
    return [
        Span(
            service=_attributes(resource.resource.attributes)["service.name"],
            name=span.name,
            kind=trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
            trace=span.trace_id.hex(),
            id=span.span_id.hex(),
            parent=span.parent_span_id.hex(),
            links=[(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
            attributes=_attributes(span.attributes),
            is_failed=span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
            began_ns=span.start_time_unix_nano,
            ended_ns=span.end_time_unix_nano,
        )
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


@contextmanager
def collecting() -> Iterator[Collector]:
    with _Server(("127.0.0.1", 0), _Handler) as server:
        collector = Collector(f"http://127.0.0.1:{server.server_port}")
        server.collector = collector
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield collector
        finally:
            collector.released.set()
            server.shutdown()
            thread.join()
