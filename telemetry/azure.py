"""Application Insights: the exporters of Azure's library, and how they behave when it is not there.

The only file that knows the library. ``configure_azure_monitor`` would install global providers, instrument
every library it finds and hold the exit for half a minute; the exporters alone do none of that.

No request takes longer than ``READ_TIMEOUT_S``, and none is repeated inline. What is not taken goes to disk,
and out again after a later success. After a failure nothing is sent for a while and all goes to disk at once:
so a process that ends beside a hung endpoint waits for one request, and loses nothing.
"""

import logging
import os
import threading
import time
from pathlib import Path
from typing import Any

from azure.core.exceptions import AzureError, ServiceRequestError
from azure.core.pipeline.transport import RequestsTransport

from telemetry import ConfigurationError
from telemetry.pause import Pause

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 2
READ_TIMEOUT_S = 3
#: How long a file on disk rests before it is tried again; a longer ``Retry-After`` counts.
REST_S = 15

#: Azure's library sends figures about itself to hosts that nobody named; it has no argument against it, and
#: reads these at import.
SILENCED = {
    "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "True",
    "APPLICATIONINSIGHTS_SDKSTATS_DISABLED": "true",
    "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED": "True",
    "APPLICATIONINSIGHTS_OPENTELEMETRY_RESOURCE_METRIC_DISABLED": "true",
}

MALFORMED = (
    "APPLICATIONINSIGHTS_CONNECTION_STRING is malformed: copy it from the resource's overview page, "
    "like InstrumentationKey=<lower-case UUID>;IngestionEndpoint=https://..., with no ';' at the end."
)


class Insights:
    """One Application Insights resource: makes its exporters, which share what is known of its health.

    Each raises ConfigurationError for a connection string that Azure's library does not take.

    Args:
        connection_string: as the resource's overview page shows it.
        storage: where waits what is not taken; by default a temporary folder of Azure's library.

    Raises:
        ConfigurationError: the endpoint is no URL.
    """

    def __init__(self, connection_string: str, storage: Path | None) -> None:
        os.environ.update(SILENCED)
        _check_endpoint(connection_string)
        self._health = Health()
        self._options: dict[str, Any] = {
            "connection_string": connection_string,
            "retry_total": 0,
            "timeout": CONNECT_TIMEOUT_S,
            "storage_min_retry_interval": REST_S,
        }
        if storage is not None:
            self._options["storage_directory"] = str(storage)

    def spans(self) -> Any:
        """Make an exporter of spans."""
        from azure.monitor.opentelemetry.exporter import AzureMonitorTraceExporter

        return self._made(AzureMonitorTraceExporter)

    def logs(self) -> Any:
        """Make an exporter of log records: custom events and exceptions."""
        from azure.monitor.opentelemetry.exporter import AzureMonitorLogExporter

        return self._made(AzureMonitorLogExporter)

    def metrics(self) -> Any:
        """Make an exporter of metrics."""
        from azure.monitor.opentelemetry.exporter import AzureMonitorMetricExporter

        return self._made(AzureMonitorMetricExporter)

    def leave(self) -> None:
        """Send no more: what its exporters still have goes to disk."""
        self._health.leave()

    def _made(self, exporter: Any) -> Any:
        try:
            return exporter(transport=Transport(self._health), **self._options)
        except ValueError as error:
            raise ConfigurationError(MALFORMED) from error


class Health:
    """What the exporters of one resource know together: whether it is left alone. Says changes once."""

    def __init__(self) -> None:
        self._pause = Pause()
        self._is_away = False
        self._is_left = False
        self._lock = threading.Lock()

    def allows(self) -> bool:
        """Whether to send now."""
        with self._lock:
            return not (self._is_left or self._pause.is_on(time.monotonic()))

    def leave(self) -> None:
        """Allow nothing any more."""
        self._is_left = True

    def failed(self, reason: str, retry_after_s: float | None = None) -> None:
        """Take in a request that was not taken."""
        with self._lock:
            self._pause.begin(time.monotonic(), retry_after_s)
            was_away, self._is_away = self._is_away, True
        if not was_away:
            log.warning("insights.away", extra={"reason": reason})

    def succeeded(self) -> None:
        """Take in a request that was taken."""
        with self._lock:
            self._pause.end()
            was_away, self._is_away = self._is_away, False
        if was_away:
            log.info("insights.back")


class Transport(RequestsTransport):  # type: ignore[misc]  # the library has no types here
    """The library's way over HTTP, and nothing at all during a pause."""

    def __init__(self, health: Health) -> None:
        super().__init__(connection_timeout=CONNECT_TIMEOUT_S, read_timeout=READ_TIMEOUT_S)
        self._health = health

    def send(self, request: Any, **options: Any) -> Any:
        """Send one request.

        Raises:
            AzureError: it failed, or there is a pause: the exporter then puts what it has on disk.
        """
        if not self._health.allows():
            raise ServiceRequestError("a pause after a failure")
        try:
            response = super().send(request, **options)
        except AzureError as error:
            self._health.failed(type(error).__name__)
            raise
        if response.status_code >= 400:
            self._health.failed(f"HTTP {response.status_code}", _retry_after(response.headers))
        else:
            self._health.succeeded()
        return response


def _retry_after(headers: Any) -> float | None:
    """Return ``Retry-After`` in seconds; its other form, a date, is not read: Azure sends seconds."""
    try:
        return float(headers.get("Retry-After", ""))
    except ValueError:
        return None


def _check_endpoint(connection_string: str) -> None:
    """Raise for an endpoint that is no URL: Azure's parser would take it and send nowhere."""
    for pair in connection_string.split(";"):
        name, _, value = pair.partition("=")
        if name.lower() == "ingestionendpoint" and not value.startswith(("https://", "http://")):
            raise ConfigurationError(MALFORMED)
