"""What Prometheus reads. Labels are bounded: routes, methods, statuses, never ids or texts."""

import time
from collections.abc import MutableMapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: From the fastest answer seen (1 ms) to the longest wait (60 s).
_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


#: What is sent to Application Insights once a minute as well. Requests go there by themselves.
SENT = ("barometer_predictions_accepted_total",)


class Metrics:
    """The gateway's own figures, in a registry of their own so that two apps in one process do not clash."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._series: dict[tuple[str, str, int], Histogram] = {}
        self.requests = Histogram(
            "barometer_http_request_seconds",
            "Time from request to answer",
            ("method", "route", "status"),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.accepted = Counter(
            "barometer_predictions_accepted_total", "Predictions put into the queue", registry=self.registry
        )
        self.waiters = Gauge("barometer_waiters", "Requests that wait for a result", registry=self.registry)
        self.queued = Gauge(
            "barometer_queue_jobs", "Predictions that wait", ("model", "lane"), registry=self.registry
        )
        self.oldest = Gauge(
            "barometer_queue_oldest_seconds",
            "How long the first in the queue has waited",
            ("model", "lane"),
            registry=self.registry,
        )
        self.workers = Gauge(
            "barometer_workers_ready", "Workers that hold the model", ("model",), registry=self.registry
        )

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Take in one request; the route is a template, so that ids make no new series."""
        # Looking up the labels costs more than counting.
        series = self._series.get((method, route, status))
        if series is None:
            series = self.requests.labels(method, route, str(status))
            self._series[method, route, status] = series
        series.observe(seconds)

    def expose(self) -> bytes:
        """Return the figures in Prometheus' text format."""
        return generate_latest(self.registry)


class Measured:
    """ASGI middleware: times each request by its route's template."""

    #: One name for all that has none.
    NO_ROUTE = "unknown"

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and watch its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            self._metrics.answered(scope["method"], _route(scope), status, time.perf_counter() - begun)


def _route(scope: MutableMapping[str, Any]) -> str:
    """The template of the route, so that ids make no new series."""
    return str(getattr(scope.get("route"), "path", Measured.NO_ROUTE))
