"""One trace from the request to the webhook: which spans the gateway makes, and what they say.

Off unless an exporter is configured; then nothing of this is made, and a request passes through none of it.
The request's span continues the client's trace. Its child, the span of the publishing, is what a
prediction's record carries on: the worker's spans and those of the webhook are children of that one. Spans
hold names, ids and numbers: never a text, and no path or query of any URL, where people put texts too.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contract import jobs
from gateway.admission import Admission, Admitted, NewPrediction, Taken

#: Asked every few seconds by whoever watches us; nobody looks for them in a trace.
UNTRACED = frozenset({"/livez", "/readyz", "/metrics"})

_W3C = TraceContextTextMapPropagator()


class Traced:
    """ASGI, outermost: a server span for each request."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on within its span."""
        if scope["type"] != "http" or scope["path"] in UNTRACED:
            await self._app(scope, receive, send)
            return
        method = scope["method"]
        parent = next(
            (value.decode("latin-1") for name, value in scope["headers"] if name == b"traceparent"), ""
        )
        attributes = {"http.request.method": method, "url.scheme": scope["scheme"]}
        with _span(self._tracer, method, SpanKind.SERVER, attributes, _context(parent)) as span:

            async def watched(message: Message) -> None:
                if message["type"] == "http.response.start":
                    _answered(span, message["status"])
                await send(message)

            try:
                await self._app(scope, receive, watched)
            finally:
                if route := getattr(scope.get("route"), "path", None):
                    span.set_attribute("http.route", route)
                    span.update_name(f"{method} {route}")


class TracedAdmission(Admission):
    """An admission that gives each prediction the context of its span to carry on."""

    def __init__(self, tracer: Tracer, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._tracer = tracer

    async def admit(self, new: NewPrediction) -> Admitted:
        """Store and enqueue one prediction within the span of its publishing."""
        with self._publishing(new, {"messaging.message.id": new.id}) as trace:
            return await super().admit(replace(new, trace=trace))

    async def admit_many(self, news: Sequence[NewPrediction]) -> Taken:
        """Store and enqueue the rows of a batch within one span, which all of them carry on."""
        with self._publishing(
            news[0], {"messaging.message.id": news[0].batch, "messaging.batch.message_count": len(news)}
        ) as trace:
            return await super().admit_many([replace(new, trace=trace) for new in news])

    @contextmanager
    def _publishing(self, new: NewPrediction, attributes: dict[str, str | int]) -> Iterator[str]:
        """The span of a publishing; gives what its predictions carry on."""
        queue = jobs.queue_name(new.model, new.lane)
        attributes |= {
            "messaging.system": "redis",
            "messaging.destination": queue,  # the older name, which Application Insights reads
            "messaging.destination.name": queue,
            "messaging.operation.name": "publish",
            "messaging.operation.type": "send",
        }
        with _span(self._tracer, f"publish {new.model}", SpanKind.PRODUCER, attributes):
            carrier: dict[str, str] = {}
            _W3C.inject(carrier)
            yield carrier.get("traceparent", "")


class Deliveries:
    """The spans of webhooks."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def attempted(self, trace: str, url: str, said: str, attempt: int, begun_ns: int) -> None:
        """Note one attempt that has just ended.

        Args:
            trace: ``traceparent`` of the prediction, or empty.
            url: the receiver's; only its host and port are noted.
            said: the status that it answered, or the class of what went wrong.
            attempt: counted from 1.
            begun_ns: nanoseconds since the epoch.
        """
        receiver = urlsplit(url)
        span = self._tracer.start_span(
            "POST webhook",
            context=_context(trace),
            kind=SpanKind.CLIENT,
            attributes={
                "http.request.method": "POST",
                "http.request.resend_count": attempt - 1,
                "server.address": receiver.hostname or "",
                "server.port": receiver.port or (443 if receiver.scheme == "https" else 80),
                "barometer.attempt": attempt,
            },
            start_time=begun_ns,
        )
        if said.isdigit():
            span.set_attribute("http.response.status_code", int(said))
        if not (said.isdigit() and 200 <= int(said) < 300):
            _failed(span, said)
        span.end()


@contextmanager
def _span(
    tracer: Tracer,
    name: str,
    kind: SpanKind,
    attributes: Mapping[str, str | int],
    context: Context | None = None,
) -> Iterator[Span]:
    """A span around the block. An error that leaves it is noted by its class: a message may quote a text."""
    with tracer.start_as_current_span(
        name, context, kind, attributes, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield span
        except Exception as error:
            _failed(span, type(error).__name__)
            raise


def _answered(span: Span, status: int) -> None:
    span.set_attribute("http.response.status_code", status)
    if status >= 500:
        _failed(span, str(status))


def _failed(span: Span, error: str) -> None:
    span.set_attribute("error.type", error)
    span.set_status(StatusCode.ERROR)


def _context(traceparent: str) -> Context:
    """Return the context of a W3C ``traceparent``; of an unreadable one, that of a new trace."""
    return _W3C.extract({"traceparent": traceparent}, Context())
