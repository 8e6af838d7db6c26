"""What Prometheus reads of monitoring. Labels are bounded: models, rules, severities, never ids or texts."""

from collections import Counter as Count
from collections.abc import Iterator
from typing import cast

import redis
from prometheus_client import CollectorRegistry, Counter, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from contract import keys
from monitoring.alerts import AlertBook

#: What is sent to Application Insights once a minute as well.
SENT = ("barometer_negatives_total", "barometer_alerts_total", "barometer_monitoring_ticks_total")


class Metrics:
    """The figures of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.ticks = Counter(
            "barometer_monitoring_ticks_total", "Looks at all that happened", registry=self.registry
        )
        self.negatives = Counter(
            "barometer_negatives_total", "Negative results seen", ("model",), registry=self.registry
        )
        self.alerts = Counter(
            "barometer_alerts_total",
            "Alerts that fired, were resolved",
            ("rule", "change"),
            registry=self.registry,
        )


class State(Collector):
    """What lies in Redis, read when somebody asks. With Redis away there is nothing: old figures lie."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._book = AlertBook(client)

    def collect(self) -> Iterator[Metric]:
        """Read the open alerts and the time of the last tick."""
        try:
            alerts, ticked_ms = self._book.newest(), self._client.get(keys.MONITORING_HEARTBEAT)
        except redis.RedisError:
            return
        is_open = Count((alert.rule, alert.severity) for alert in alerts if alert.resolved_at is None)
        gauge = GaugeMetricFamily("barometer_alerts_open", "Alerts not resolved", labels=["rule", "severity"])
        for labels, count in is_open.items():
            gauge.add_metric(list(labels), count)
        yield gauge
        ticked = GaugeMetricFamily("barometer_monitoring_tick_timestamp_seconds", "The last look")
        if ticked_ms is not None:
            ticked.add_metric([], int(cast("str", ticked_ms)) / 1000)
        yield ticked


def serve(metrics: Metrics, client: redis.Redis, port: int) -> None:
    """Answer Prometheus on loopback until the process ends."""
    metrics.registry.register(State(client))
    start_http_server(port, "127.0.0.1", metrics.registry)
