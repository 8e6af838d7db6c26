"""Custom events and exceptions: said outright, or overheard in the process' own log.

What services log is an event name and fields, never a user's text. The listener still passes on nothing but
named events with named fields, and of an exception its class and place: a message may quote anything.
"""

import logging
import re
import traceback
from collections.abc import Mapping
from typing import Any

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

#: An event waits this long for company.
DELAY_MS = 500
#: Beyond this the oldest are dropped: half a minute at three hundred a second, some 10 MB.
QUEUED = 10_000

#: Loggers of what sends: listening to them would be an echo.
SENDERS = ("azure", "opentelemetry", "telemetry", "urllib3", "requests")

EVENT = re.compile(r"[a-z_]+(\.[a-z_]+)+")

_W3C = TraceContextTextMapPropagator()


class Events:
    """The way out for events of one process, in order."""

    def __init__(self, exporter: LogRecordExporter, resource: Resource) -> None:
        self._provider = LoggerProvider(resource, shutdown_on_exit=False)
        self._provider.add_log_record_processor(
            BatchLogRecordProcessor(exporter, schedule_delay_millis=DELAY_MS, max_queue_size=QUEUED)
        )
        self._logger = self._provider.get_logger("barometer")

    def event(self, name: str, properties: Mapping[str, Any], at: float | None = None) -> None:
        """Queue a custom event.

        Args:
            name: as Application Insights shows it.
            properties: Application Insights holds strings only.
            at: seconds since the epoch; now by default.
        """
        attributes = {"microsoft.custom_event.name": name, **{k: str(v) for k, v in properties.items()}}
        when = None if at is None else round(at * 1e9)
        self._logger.emit(LogRecord(timestamp=when, body=name, attributes=attributes))

    def exception(
        self, name: str, error: str, place: str, properties: Mapping[str, Any], trace: str = ""
    ) -> None:
        """Queue an exception.

        Args:
            name: the event in the log that told of it; stands where a message would.
            error: its class.
            place: file and line, or several, the last the deepest.
            properties: what else is known; Application Insights holds strings only.
            trace: ``traceparent`` of the request that it belongs to; by default that of the running span.
        """
        self._logger.emit(
            LogRecord(
                context=_W3C.extract({"traceparent": trace}, Context()) if trace else None,
                severity_number=SeverityNumber.ERROR,
                body=name,
                attributes={
                    "exception.type": error,
                    "exception.stacktrace": place,
                    **{k: str(v) for k, v in properties.items()},
                },
            )
        )

    def shutdown(self) -> None:
        """Send what waits."""
        self._provider.shutdown()


class Listener(logging.Handler):
    """Passes on what the log says: named events with named fields, and every exception's class and place.

    Args:
        told: events that are told, and which of their fields.
        common: goes with each of them.
    """

    def __init__(
        self, events: Events, told: Mapping[str, tuple[str, ...]], common: Mapping[str, str]
    ) -> None:
        super().__init__()
        self._events = events
        self._told = told
        self._common = common

    def emit(self, record: logging.LogRecord) -> None:
        """Take in one record; whatever is wrong with it, whoever logged it goes on."""
        try:
            self._hear(record)
        except Exception:  # noqa: BLE001 - logging's own way: a traceback on stderr
            self.handleError(record)

    def _hear(self, record: logging.LogRecord) -> None:
        if record.name.partition(".")[0] in SENDERS:
            return
        # Not the formatted message: arguments may hold anything.
        name = str(record.msg)
        if record.levelno >= logging.ERROR and (found := _exception(record)):
            properties = {"id": record.__dict__["id"]} if "id" in record.__dict__ else {}
            # Ours is an event's name; a library's message is prose, and may quote.
            said = name if EVENT.fullmatch(name) else record.name
            self._events.exception(said, *found, properties, record.__dict__.get("trace", ""))
        if name in self._told:
            fields = {key: record.__dict__.get(key, "") for key in self._told[name]}
            self._events.event(f"barometer.{name}", {**self._common, **fields})


def _exception(record: logging.LogRecord) -> tuple[str, str] | None:
    """Return class and place of the exception that a record tells of."""
    if record.exc_info and (error := record.exc_info[1]):
        return type(error).__name__, place(error)
    told = record.__dict__
    if "error" not in told:
        return None
    return str(told["error"]), str(told.get("where") or "".join(told.get("frames", ())))


def place(error: BaseException) -> str:
    """Return where an exception came from, as Python prints it: no message, no source, no values."""
    frames = traceback.extract_tb(error.__traceback__)
    return "\n".join(f'  File "{f.filename}", line {f.lineno}, in {f.name}' for f in frames)
