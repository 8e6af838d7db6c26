"""What a training tells Application Insights: an operation with its time, events, and what went wrong.

Nothing where no exporter is configured. A training on the queue is a process of its own that ends without
ceremony, so the way out is opened and closed within it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import telemetry
from trainer.errors import BadRequest
from trainer.settings import Settings

if TYPE_CHECKING:
    from telemetry.exporting import Exit
    from trainer.training import Outcome, Request

#: What of the log is told, with which fields. Not why an alias moved: an operator's words.
TOLD = {"alias.moved": ("model", "alias", "from", "to", "by")}


class Telling:
    """The story of one training; without an exit it is told to nobody."""

    def __init__(self, exit: "Exit | None", request: "Request") -> None:
        self._exit = exit
        self._common = {"model": request.model, "family": request.family}

    @contextmanager
    def operation(self) -> Iterator[None]:
        """Be an operation around the training. An error that leaves it is told by class and place."""
        if self._exit is None:
            yield
            return
        from opentelemetry.trace import SpanKind, StatusCode

        self._exit.event("barometer.training.started", self._common)
        attributes = {f"barometer.{name}": value for name, value in self._common.items()}
        with self._exit.tracer.start_as_current_span(
            f"train {self._common['model']}",
            kind=SpanKind.CONSUMER,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield
            except BaseException as error:
                name = type(error).__name__
                span.set_attribute("error.type", name)
                span.set_status(StatusCode.ERROR)
                self._exit.raised("training.failed", error)
                self._exit.event("barometer.training.failed", {**self._common, "error": name})
                raise

    def finished(self, outcome: "Outcome") -> None:
        """Take in what came of it."""
        if self._exit:
            self._exit.event(
                "barometer.training.finished",
                {
                    **self._common,
                    "version": outcome.version,
                    "gate": outcome.verdict.word,
                    "promoted": outcome.promoted,
                    "macro_f1": outcome.evaluation.macro_f1,
                },
            )


@contextmanager
def told(settings: Settings) -> "Iterator[Exit | None]":
    """Open the way out for the block, if one is configured; what waits is sent at its end.

    Raises:
        BadRequest: it cannot be used as the settings say.
    """
    try:
        exit = telemetry.connect("barometer-trainer", *settings.traces_to)
    except telemetry.ConfigurationError as error:
        raise BadRequest(str(error)) from error
    if exit is None:
        yield None
        return
    exit.listen(TOLD)
    try:
        yield exit
    finally:
        exit.close()
