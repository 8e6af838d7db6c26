"""Where spans go: to Application Insights, to an OpenTelemetry collector, or to both.

The only file here that knows the SDK and the exporters, imported only when one of them is configured. The
provider is our own and not the process' global one: no library that looks for that makes spans. Spans are
a help and not a record: they are sent from threads of their own, nothing waits for them, and what cannot be
sent is dropped.
"""

import logging
import os
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from telemetry import ConfigurationError

log = logging.getLogger(__name__)

#: No request takes longer, so that what is being sent when the process ends is sent or given up in time.
CONNECT_TIMEOUT_S = 2
READ_TIMEOUT_S = 3
CLOSE_TIMEOUT_S = 4.0

#: More than a batch can have. The SDK's own limit is 128.
MOST_LINKS = 4096

#: Azure's library sends figures about itself to hosts that nobody named; it has no argument against it.
SILENCED = {
    "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "True",
    "APPLICATIONINSIGHTS_SDKSTATS_DISABLED": "true",
    "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED": "True",
    "APPLICATIONINSIGHTS_OPENTELEMETRY_RESOURCE_METRIC_DISABLED": "true",
}


class Exit:
    """The way out of the process for spans.

    Args:
        service: the name under which its spans are shown.
        connection_string: of Application Insights, or empty.
        endpoint: of an OpenTelemetry collector (OTLP over HTTP), or empty.

    Raises:
        ConfigurationError: the connection string is malformed.
    """

    def __init__(self, service: str, connection_string: str, endpoint: str) -> None:
        # Application Insights' own default keeps five traces a second.
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=Resource({"service.name": service}),
            span_limits=SpanLimits(max_links=MOST_LINKS),
            shutdown_on_exit=False,
        )
        self._processors = [
            BatchSpanProcessor(Told(exporter)) for exporter in _exporters(connection_string, endpoint)
        ]
        for processor in self._processors:
            self._provider.add_span_processor(processor)
        self.tracer = self._provider.get_tracer("barometer")

    def close(self) -> None:
        """Send what waits; give up after ``CLOSE_TIMEOUT_S``."""
        deadline = time.monotonic() + CLOSE_TIMEOUT_S
        # Daemons, side by side: one that still waits for a silent endpoint then keeps nobody.
        threads = [threading.Thread(target=processor.shutdown, daemon=True) for processor in self._processors]
        for thread in threads:
            thread.start()
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


def _exporters(connection_string: str, endpoint: str) -> Iterator[SpanExporter]:
    if connection_string:
        yield _azure(connection_string)
    if endpoint:
        # The exporter reads the rest of OTEL_EXPORTER_OTLP_* itself: headers, certificates, compression.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        yield OTLPSpanExporter(endpoint.rstrip("/") + "/v1/traces", timeout=READ_TIMEOUT_S)


def _azure(connection_string: str) -> SpanExporter:
    # Read at import.
    os.environ.update(SILENCED)
    from azure.monitor.opentelemetry.exporter import AzureMonitorTraceExporter

    options: dict[str, Any] = {
        "retry_total": 0,
        "timeout": CONNECT_TIMEOUT_S,
        "read_timeout": READ_TIMEOUT_S,
        "disable_offline_storage": True,
    }
    try:
        _check_endpoint(connection_string)
        exporter: SpanExporter = AzureMonitorTraceExporter(connection_string=connection_string, **options)
    except ValueError as error:
        raise ConfigurationError(
            "APPLICATIONINSIGHTS_CONNECTION_STRING is malformed: copy it from the resource's overview page, "
            "like InstrumentationKey=<lower-case UUID>;IngestionEndpoint=https://..., with no ';' at the end."
        ) from error
    return exporter


def _check_endpoint(connection_string: str) -> None:
    """Raise ValueError for an endpoint that is no URL: Azure's parser would take it and send nowhere."""
    for pair in connection_string.split(";"):
        name, _, value = pair.partition("=")
        if name.lower() == "ingestionendpoint" and not value.startswith(("https://", "http://")):
            raise ValueError("the ingestion endpoint is no URL")
