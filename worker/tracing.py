"""The worker's part of a trace: a span for each batch, and one for each prediction in it.

A batch serves requests that have nothing else in common, so its span is a trace of its own, with a link to
every prediction. A prediction's span is a child of its publishing, so that one trace shows the whole
path, and links to the batch. Spans hold names, ids and numbers, never a text.
"""

import time
from collections.abc import Sequence

from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, StatusCode, Tracer, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from worker.batch import Batch, Claimed, Job, Outcome
from worker.batching import Release
from worker.metrics import Metrics

_W3C = TraceContextTextMapPropagator()


class TracedMetrics(Metrics):
    """A worker's figures, and spans of what they are told.

    A prediction's span lasts from its claim to the commit; one that is never committed here is never sent,
    because another attempt will be.
    """

    def __init__(self, tracer: Tracer, model: str) -> None:
        super().__init__()
        self._tracer = tracer
        self._model = model
        #: By lease: when a traced job was claimed, in nanoseconds since the epoch.
        self._since: dict[str, int] = {}
        #: By lease: the spans of those that ran and are not committed.
        self._open: dict[str, Span] = {}

    def claimed(self, claimed: Claimed) -> None:
        """Take in what was claimed."""
        super().claimed(claimed)
        now = time.time_ns()
        self._since |= {job.lease: now for job in claimed.jobs if job.trace}

    def ran(self, batch: Batch, release: Release) -> None:
        """Take in a batch that ran."""
        super().ran(batch, release)
        traced = [outcome for outcome in batch.outcomes if outcome.job.trace]
        span = self._batch(batch, release, [outcome.job for outcome in traced])
        for outcome in traced:
            self._open[outcome.job.lease] = self._prediction(outcome, batch, span)

    def committed(self, batch: Batch) -> None:
        """Take in a batch whose results are stored."""
        super().committed(batch)
        for outcome in batch.outcomes:
            if span := self._open.pop(outcome.job.lease, None):
                span.end()

    def _batch(self, batch: Batch, release: Release, traced: Sequence[Job]) -> Span:
        """Make the span of a batch, which has just left the model."""
        ended = time.time_ns()
        span = self._tracer.start_span(
            f"batch {self._model}",
            Context(),
            # Not a consumer: in Application Insights each is a request, and the requests are predictions.
            SpanKind.INTERNAL,
            {
                **_messaging(self._model),
                "messaging.batch.message_count": len(batch.outcomes),
                "barometer.model": self._model,
                "barometer.version": batch.version,
                "barometer.batch_size": len(batch.outcomes),
                "barometer.tokens": batch.tokens,
                "barometer.padded": batch.padded,
                "barometer.release": release,
            },
            [Link(get_current_span(_context(job)).get_span_context()) for job in traced],
            start_time=ended - round(batch.inference_s * 1e9),
        )
        span.end(ended)
        return span

    def _prediction(self, outcome: Outcome, batch: Batch, ran_in: Span) -> Span:
        """Begin the span of one prediction, in the past: when it was claimed."""
        job = outcome.job
        span = self._tracer.start_span(
            f"process {self._model}",
            _context(job),
            SpanKind.CONSUMER,
            {
                **_messaging(job.queue),
                "messaging.message.id": job.id,
                "barometer.version": batch.version,
                "barometer.attempt": job.fence,
                "barometer.queue_s": job.waited_s,
                "barometer.inference_s": batch.inference_s,
            },
            [Link(ran_in.get_span_context())],
            start_time=self._since.pop(job.lease, None),
        )
        if outcome.answer is None:
            span.set_attribute("error.type", outcome.error_code)
            span.set_status(StatusCode.ERROR)
        return span


def _messaging(queue: str) -> dict[str, str]:
    """What a span says of the queue: the newer names, and the older one that Application Insights reads."""
    return {
        "messaging.system": "redis",
        "messaging.destination": queue,
        "messaging.destination.name": queue,
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
    }


def _context(job: Job) -> Context:
    """Return the context in which a prediction was published; that of a new trace if it cannot be read."""
    return _W3C.extract({"traceparent": job.trace}, Context())
