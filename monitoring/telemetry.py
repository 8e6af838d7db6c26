"""The exit to Azure Application Insights; the only file that knows azure-monitor-opentelemetry.

Uses Azure's exporters on providers of its own instead of ``configure_azure_monitor``: that one also sets up
traces, instruments every library it finds and waits up to half a minute at exit, all process-wide. Nothing
leaves but what is built here: custom events for alerts and a count of negatives. Sending happens on
background threads; what cannot be sent waits on disk and goes out after the next success.
"""

import logging
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from contract.alerts import Alert
from monitoring.errors import ConfigurationError

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, Observation
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk.metrics import MeterProvider

#: No request takes longer, and none is repeated inline: a throttled one would hold its thread for as long as
#: Azure says. A read that hangs ends before ``CLOSE_TIMEOUT_S``, so the batch being sent still reaches the
#: disk; a second batch behind it does not, and is then only in Redis and in the log.
CONNECT_TIMEOUT_S = 2
READ_TIMEOUT_S = 3
CLOSE_TIMEOUT_S = 4.0
#: An alert waits this long for company.
EVENT_DELAY_MS = 500
#: The count is sent this often, also unchanged: each success sends what waits on disk.
METRIC_INTERVAL_MS = 60_000

SILENCED = {
    "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "True",
    "APPLICATIONINSIGHTS_SDKSTATS_DISABLED": "true",
    "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED": "True",
}

log = logging.getLogger(__name__)


class Telemetry(Protocol):
    """Where alerts and counts go beside Redis and the log. No method blocks or raises."""

    def alert(self, name: str, alert: Alert) -> None:
        """Tell that an alert was fired or resolved: ``alert.fired``, ``alert.resolved``."""

    def negative(self, model: str) -> None:
        """Count one negative result of a model."""

    def close(self) -> None:
        """Send what waits; give up after ``CLOSE_TIMEOUT_S``."""


class NoTelemetry:
    """Stands in when no connection string is set."""

    def alert(self, name: str, alert: Alert) -> None:
        """Do nothing."""

    def negative(self, model: str) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


def connect(connection_string: str, storage: Path | None) -> Telemetry:
    """Return the exit to Application Insights, or none for an empty connection string.

    Raises:
        ConfigurationError: the connection string is malformed.
    """
    if not connection_string:
        log.info("telemetry.off", extra={"reason": "APPLICATIONINSIGHTS_CONNECTION_STRING is not set"})
        return NoTelemetry()
    # Read by Azure's library at import and at construction; it offers no argument for these.
    os.environ.update(SILENCED)
    try:
        _check_endpoint(connection_string)
        return AzureTelemetry(connection_string, storage)
    except ValueError as error:
        raise ConfigurationError(
            "APPLICATIONINSIGHTS_CONNECTION_STRING is malformed: copy it from the resource's overview page, "
            "like InstrumentationKey=<lower-case UUID>;IngestionEndpoint=https://..., with no ';' at the end."
        ) from error


class AzureTelemetry:
    """Custom events ``barometer.alert.*`` and the metric ``barometer.negatives`` in Application Insights."""

    def __init__(self, connection_string: str, storage: Path | None) -> None:
        options: dict[str, Any] = {
            "connection_string": connection_string,
            "retry_total": 0,
            "timeout": CONNECT_TIMEOUT_S,
            "read_timeout": READ_TIMEOUT_S,
        }
        if storage is not None:
            options["storage_directory"] = str(storage)
        self._negatives: dict[str, int] = {}
        self._logs = _log_provider(options)
        self._metrics = _meter_provider(options)
        self._logger = self._logs.get_logger("barometer.monitoring")
        meter = self._metrics.get_meter("barometer.monitoring")
        meter.create_observable_counter("barometer.negatives", callbacks=[self._observe])

    def alert(self, name: str, alert: Alert) -> None:
        """Queue a custom event, dated by the alert."""
        from opentelemetry._logs import LogRecord, SeverityNumber

        at = alert.fired_at if alert.resolved_at is None else alert.resolved_at
        self._logger.emit(
            LogRecord(
                timestamp=round(at * 1e9),
                severity_number=SeverityNumber.WARN,
                body=alert.summary,
                attributes={"microsoft.custom_event.name": f"barometer.{name}", **_properties(alert)},
            )
        )

    def negative(self, model: str) -> None:
        """Add to the count that is sent once a minute."""
        self._negatives[model] = self._negatives.get(model, 0) + 1

    def close(self) -> None:
        """Flush events and count side by side: one after the other, a hung endpoint would cost both waits."""
        deadline = time.monotonic() + CLOSE_TIMEOUT_S
        # Daemons: whoever is still waiting for Azure then does not keep the process.
        threads = [
            threading.Thread(target=provider.shutdown, daemon=True)
            for provider in (self._logs, self._metrics)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0, deadline - time.monotonic()))

    def _observe(self, _options: "CallbackOptions") -> "list[Observation]":
        from opentelemetry.metrics import Observation

        return [Observation(n, {"model": model}) for model, n in self._negatives.copy().items()]


def _check_endpoint(connection_string: str) -> None:
    """Raise ValueError for an endpoint that is no URL: Azure's parser would take it and send nowhere."""
    for pair in connection_string.split(";"):
        name, _, value = pair.partition("=")
        if name.lower() == "ingestionendpoint" and not value.startswith(("https://", "http://")):
            raise ValueError("the ingestion endpoint is no URL")


def _properties(alert: Alert) -> dict[str, str]:
    """Return an alert's properties; Application Insights holds strings only."""
    return {"alert_id": alert.id, **{k: v for k, v in alert.to_hash().items() if k not in ("v", "id")}}


def _log_provider(options: dict[str, Any]) -> "LoggerProvider":
    from azure.monitor.opentelemetry.exporter import AzureMonitorLogExporter
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

    exporter = AzureMonitorLogExporter(**options)
    provider = LoggerProvider(_resource(), shutdown_on_exit=False)
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter, schedule_delay_millis=EVENT_DELAY_MS))
    return provider


def _meter_provider(options: dict[str, Any]) -> "MeterProvider":
    from azure.monitor.opentelemetry.exporter import AzureMonitorMetricExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    exporter = AzureMonitorMetricExporter(**options)
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=METRIC_INTERVAL_MS)
    return MeterProvider([reader], _resource(), shutdown_on_exit=False)


def _resource() -> Any:
    from opentelemetry.sdk.resources import Resource

    return Resource({"service.name": "barometer-monitoring"})
