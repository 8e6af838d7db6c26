"""What monitoring tells Application Insights: alerts, every negative result, and its own figures.

Each negative result is a custom event dated by the stream, so that a query in the cloud can judge the same
window by itself, exactly (monitoring/azure/). After a crash some are told twice, under the same ``event``:
queries count each once.
"""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from contract.alerts import Alert
from monitoring.errors import ConfigurationError
from monitoring.metrics import SENT, Metrics
from monitoring.rule import Negative
from telemetry import ConfigurationError as Unusable
from telemetry import connect as connected

if TYPE_CHECKING:
    from telemetry.exporting import Exit

#: What of the log is told as custom events, with which fields.
TOLD: dict[str, tuple[str, ...]] = {
    "monitoring.ready": (),
    "events.missed": ("after", "before"),
    "redis.back": (),
}

log = logging.getLogger(__name__)


class Telemetry(Protocol):
    """Where alerts and counts go beside Redis and the log. No method blocks or raises."""

    def alert(self, name: str, alert: Alert) -> None:
        """Tell that an alert was fired or resolved: ``alert.fired``, ``alert.resolved``."""

    def negative(self, negative: Negative) -> None:
        """Count one negative result of a model."""

    def ticked(self) -> None:
        """Count one look at all that happened."""

    def close(self) -> None:
        """Send what waits; give up after seconds."""


class NoTelemetry:
    """Stands in when no connection string is set."""

    def alert(self, name: str, alert: Alert) -> None:
        """Do nothing."""

    def negative(self, negative: Negative) -> None:
        """Do nothing."""

    def ticked(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


def connect(connection_string: str, storage: Path | None, metrics: Metrics | None = None) -> Telemetry:
    """Return what is told: to Application Insights, if there is a connection string, and to ``metrics``.

    Raises:
        ConfigurationError: the connection string is malformed.
    """
    metrics = metrics or Metrics()
    try:
        exit = connected("barometer-monitoring", connection_string, "", storage)
    except Unusable as error:
        raise ConfigurationError(str(error)) from error
    if exit is None:
        log.info("telemetry.off", extra={"reason": "APPLICATIONINSIGHTS_CONNECTION_STRING is not set"})
        return Counted(metrics, NoTelemetry())
    exit.listen(TOLD)
    exit.mirror(metrics.registry, SENT)
    return Counted(metrics, AzureTelemetry(exit))


class Counted:
    """Counts for Prometheus, and passes on."""

    def __init__(self, metrics: Metrics, further: Telemetry) -> None:
        self._metrics = metrics
        self._further = further

    def alert(self, name: str, alert: Alert) -> None:
        """Count and pass on."""
        self._metrics.alerts.labels(alert.rule, name.removeprefix("alert.")).inc()
        self._further.alert(name, alert)

    def negative(self, negative: Negative) -> None:
        """Count and pass on."""
        self._metrics.negatives.labels(negative.model).inc()
        self._further.negative(negative)

    def ticked(self) -> None:
        """Count: that somebody watches is seen by the figure's growth."""
        self._metrics.ticks.inc()

    def close(self) -> None:
        """Pass on."""
        self._further.close()


class AzureTelemetry:
    """Custom events ``barometer.alert.*`` and ``barometer.negative`` in Application Insights."""

    def __init__(self, exit: "Exit") -> None:
        self._exit = exit
        # Apart: a day of negatives caught up with must not crowd out the alert that they raise.
        self._negatives = exit.often()

    def alert(self, name: str, alert: Alert) -> None:
        """Queue a custom event, dated by the alert."""
        at = alert.fired_at if alert.resolved_at is None else alert.resolved_at
        self._exit.event(f"barometer.{name}", _properties(alert), at)

    def negative(self, negative: Negative) -> None:
        """Queue a custom event, dated by the entry of the stream."""
        if self._negatives:
            properties = {"model": negative.model, "event": str(negative.entry)}
            self._negatives.event("barometer.negative", properties, negative.entry.ms / 1000)

    def ticked(self) -> None:
        """Do nothing: the figure is sent."""

    def close(self) -> None:
        """Send what waits."""
        self._exit.close()


def _properties(alert: Alert) -> dict[str, str]:
    """Return an alert's properties; Application Insights holds strings only."""
    return {"alert_id": alert.id, **{k: v for k, v in alert.to_hash().items() if k not in ("v", "id")}}
