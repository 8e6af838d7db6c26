"""What Prometheus reads of a worker. Labels are bounded: reasons and states, never ids or texts."""

import collections
import time
from collections.abc import Iterator
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from worker.batch import Batch, Claimed
from worker.batching import Release
from worker.model import RegisteredModel

_NAME = "barometer_worker_"

#: What is sent to Application Insights once a minute as well: how many, and how long they took.
SENT = tuple(
    _NAME + name
    for name in (
        "predictions_total",
        "failures_total",
        "tokens_total",
        "padding_tokens_total",
        "reaped_leases_total",
        "swaps_total",
        "refusals_total",
        "batch_size_count",
        "queue_seconds_sum",
        "inference_seconds_sum",
        "total_seconds_sum",
    )
)

#: From one text by the smallest model (50 us) to a long batch by the largest.
_INFERENCE = (0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_WAITS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Metrics:
    """One worker's figures, in a registry of their own so that two workers in one process do not clash."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.predictions = Counter(
            _NAME + "predictions_total", "Predictions ended", labelnames=("status",), registry=self.registry
        )
        self.failures = Counter(
            _NAME + "failures_total",
            "Predictions that failed",
            labelnames=("reason",),
            registry=self.registry,
        )
        self.batch_size = Histogram(
            _NAME + "batch_size", "Texts that ran together", registry=self.registry, buckets=_SIZES
        )
        self.tokens = Counter(_NAME + "tokens_total", "Tokens read", registry=self.registry)
        self.padding = Counter(
            _NAME + "padding_tokens_total", "Tokens computed for nothing", registry=self.registry
        )
        self.releases = Counter(
            _NAME + "releases_total", "Why batches ran", labelnames=("reason",), registry=self.registry
        )
        self.queue = Histogram(
            _NAME + "queue_seconds", "From accepted to claimed", registry=self.registry, buckets=_WAITS
        )
        self.inference = Histogram(
            _NAME + "inference_seconds", "A batch in the model", registry=self.registry, buckets=_INFERENCE
        )
        self.total = Histogram(
            _NAME + "total_seconds", "From accepted to ended", registry=self.registry, buckets=_WAITS
        )
        self.leases = Gauge(_NAME + "leases", "Jobs leased to this worker now", registry=self.registry)
        self.reaped = Counter(
            _NAME + "reaped_leases_total",
            "Leases of others that ended",
            labelnames=("outcome",),
            registry=self.registry,
        )
        self._claimed_at: dict[str, float] = {}

    def claimed(self, claimed: Claimed) -> None:
        """Take in what was claimed."""
        now = time.monotonic()
        for job in claimed.jobs:
            self.queue.observe(job.waited_s)
            self._claimed_at[job.lease] = now

    def ran(self, batch: Batch, release: Release) -> None:
        """Take in a batch that ran."""
        self.batch_size.observe(len(batch.outcomes))
        self.tokens.inc(batch.tokens)
        self.padding.inc(batch.padded - batch.tokens)
        self.inference.observe(batch.inference_s)
        self.releases.labels(release).inc()

    def committed(self, batch: Batch) -> None:
        """Take in a batch whose results are stored."""
        now = time.monotonic()
        failed = 0
        for outcome in batch.outcomes:
            job = outcome.job
            self.total.observe(job.waited_s + now - self._claimed_at.pop(job.lease, now))
            if outcome.answer is None:
                failed += 1
                self.failures.labels(outcome.error_code).inc()
        self.predictions.labels("succeeded").inc(len(batch.outcomes) - failed)
        self.predictions.labels("failed").inc(failed)


class Serving(Protocol):
    """The model that is followed, see ``worker.champion``."""

    swaps: int
    refusals: collections.Counter[str]

    def current(self) -> RegisteredModel:
        """Return the version that serves now."""
        ...


class ModelFigures(Collector):
    """Which version serves, and what became of those that came."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    def collect(self) -> Iterator[Metric]:
        """Read the figures when somebody asks."""
        version = GaugeMetricFamily(_NAME + "model_info", "1 for the version that serves", labels=["version"])
        version.add_metric([self._serving.current().version], 1)
        yield version
        yield CounterMetricFamily(_NAME + "swaps", "New versions that serve since", self._serving.swaps)
        refused = CounterMetricFamily(_NAME + "refusals", "New versions that must not", labels=["reason"])
        for reason, count in dict(self._serving.refusals).items():
            refused.add_metric([reason], count)
        yield refused
