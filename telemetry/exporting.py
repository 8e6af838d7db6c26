"""The way out of a process: to Application Insights, to an OpenTelemetry collector, or to both.

The collector gets spans; Application Insights gets events, exceptions and figures too. Knows the SDK and is
imported only when an exporter is configured. The providers are our own and not the process' global ones: no
library that looks for those sends anything. Threads of their own send, and nothing waits for them.
"""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from telemetry.events import Events, Listener, place
from telemetry.figures import Figures

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from telemetry.azure import Insights

log = logging.getLogger(__name__)

READ_TIMEOUT_S = 3
#: How long what waits is sent when the process ends: longer than one request may take.
CLOSE_TIMEOUT_S = 4.0
#: How long after that the rest is put on disk: sixteen thousand spans take three seconds of a core.
KEEP_TIMEOUT_S = 6.0

#: More than a batch can have. The SDK's own limit is 128.
MOST_LINKS = 4096
#: Spans that wait while one request is under way; beyond this the oldest are dropped. The SDK's own limit,
#: 2,048, is a second of a busy gateway.
QUEUED = 16_384


class Ends(Protocol):
    """What is closed with the process."""

    def shutdown(self) -> None:
        """Send what waits, and let go."""


class Exit:
    """The way out of one process; see ``telemetry.connect``.

    Raises:
        ConfigurationError: the connection string is malformed.
    """

    def __init__(
        self, service: str, connection_string: str, endpoint: str, storage: Path | None = None
    ) -> None:
        self._resource = Resource({"service.name": service})
        self._insights: Insights | None = None
        self._events: Events | None = None
        self._listener: Listener | None = None
        #: Ends of what goes to Application Insights; what it does not take is kept.
        self._kept: list[Ends] = []
        #: Ends of what goes to a collector; what it does not take is dropped.
        self._dropped: list[Ends] = []
        # Application Insights' own default keeps five traces a second.
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=self._resource,
            span_limits=SpanLimits(max_links=MOST_LINKS),
            shutdown_on_exit=False,
        )
        self.tracer = self._provider.get_tracer("barometer")
        if connection_string:
            from telemetry import azure

            self._insights = azure.Insights(connection_string, storage)
            self._kept.append(self._send_spans(self._insights.spans()))
            self._events = self._opened_events()
        if endpoint:
            self._dropped.append(self._send_spans(Told(_collector(endpoint))))

    def event(self, name: str, properties: Mapping[str, Any], at: float | None = None) -> None:
        """Queue a custom event; see ``telemetry.events``."""
        if self._events:
            self._events.event(name, properties, at)

    def often(self) -> Events | None:
        """Return a way out of its own for events that come by the thousand: they crowd out no others."""
        return self._opened_events() if self._insights else None

    def raised(self, name: str, error: BaseException) -> None:
        """Queue an exception: its class and place; ``name`` is the event that it is part of."""
        if self._events:
            self._events.exception(name, type(error).__name__, place(error), {})

    def listen(self, told: Mapping[str, tuple[str, ...]], **common: str) -> None:
        """Pass on what the log says: these events with these fields and ``common``, and exceptions."""
        if self._events:
            self._listener = Listener(self._events, told, common)
            logging.getLogger().addHandler(self._listener)

    def mirror(self, registry: "CollectorRegistry", names: Sequence[str]) -> None:
        """Send these counters of a Prometheus registry once a minute, and at the end."""
        if self._insights:
            self._kept.append(Figures(self._insights.metrics(), self._resource, registry, names))

    def close(self) -> None:
        """Send what waits for ``CLOSE_TIMEOUT_S``, keep the rest within ``KEEP_TIMEOUT_S``, and give up."""
        if self._listener:
            logging.getLogger().removeHandler(self._listener)
        kept, dropped = _ended(self._kept), _ended(self._dropped)
        _join([*kept, *dropped], CLOSE_TIMEOUT_S)
        if self._insights:
            self._insights.leave()
            _join(kept, KEEP_TIMEOUT_S)

    def _opened_events(self) -> Events:
        assert self._insights is not None
        events = Events(self._insights.logs(), self._resource)
        self._kept.append(events)
        return events

    def _send_spans(self, exporter: SpanExporter) -> Ends:
        processor = BatchSpanProcessor(exporter, max_queue_size=QUEUED)
        self._provider.add_span_processor(processor)
        return processor


def _ended(ends: Sequence[Ends]) -> list[threading.Thread]:
    """End all side by side. Daemons: one that still waits for a silent endpoint then keeps nobody."""
    threads = [threading.Thread(target=end.shutdown, daemon=True) for end in ends]
    for thread in threads:
        thread.start()
    return threads


def _join(threads: Sequence[threading.Thread], within_s: float) -> None:
    deadline = time.monotonic() + within_s
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))


class Told(SpanExporter):
    """An exporter that says once when its endpoint is away, and once when it is back."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._is_away = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans."""
        result = self._exporter.export(spans)
        is_away = result is not SpanExportResult.SUCCESS
        if is_away != self._is_away:
            self._is_away = is_away
            level, event = (logging.WARNING, "traces.away") if is_away else (logging.INFO, "traces.back")
            log.log(level, event, extra={"exporter": type(self._exporter).__name__})
        return result

    def shutdown(self) -> None:
        """Let go of the connection."""
        self._exporter.shutdown()


def _collector(endpoint: str) -> SpanExporter:
    # The exporter reads the rest of OTEL_EXPORTER_OTLP_* itself: headers, certificates, compression.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter(endpoint.rstrip("/") + "/v1/traces", timeout=READ_TIMEOUT_S)
