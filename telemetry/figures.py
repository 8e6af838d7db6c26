"""Figures: what Prometheus reads of a process, sent once a minute as well. One count, two exits."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

#: Sent this often, also unchanged: each success sends what waits on disk.
INTERVAL_MS = 60_000


class Figures:
    """Sends counters of a registry: how much each has grown in the minute."""

    def __init__(
        self,
        exporter: MetricExporter,
        resource: Resource,
        registry: "CollectorRegistry",
        names: Sequence[str],
    ) -> None:
        reader = PeriodicExportingMetricReader(exporter, export_interval_millis=INTERVAL_MS)
        self._provider = MeterProvider([reader], resource, shutdown_on_exit=False)
        meter = self._provider.get_meter("barometer")
        for name in names:
            meter.create_observable_counter(name, callbacks=[_reading(registry, name)])

    def shutdown(self) -> None:
        """Read once more, and send."""
        self._provider.shutdown()


def _reading(registry: "CollectorRegistry", name: str) -> Callable[[CallbackOptions], list[Observation]]:
    def read(_: CallbackOptions) -> list[Observation]:
        samples = (sample for family in registry.collect() for sample in family.samples)
        return [Observation(s.value, dict(s.labels)) for s in samples if s.name == name]

    return read
