"""How the log of a service looks: an event's name and its fields, one JSON object a line on stderr.

Knows the shape of a line and that exporters whose endpoint is away are said by us, once; knows no event.
"""

from collections.abc import Mapping
from logging.config import dictConfig


def configure(level: str, others: str | None = None, loggers: Mapping[str, str] | None = None) -> None:
    """Send all logs of this process to stderr as JSON lines.

    Args:
        level: DEBUG, INFO, ...: what is said from there up.
        others: the same for loggers that ``loggers`` does not name, if it is not ``level``.
        loggers: levels of single loggers, those below them included.
    """
    quiet = {"azure": "CRITICAL", "opentelemetry.exporter": "CRITICAL"}
    dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "json": {
                    "()": "pythonjsonlogger.json.JsonFormatter",
                    "fmt": "{levelname}{name}{message}",
                    "style": "{",
                    "rename_fields": {"levelname": "level", "name": "logger", "message": "event"},
                    "timestamp": "time",
                }
            },
            "handlers": {"stderr": {"class": "telemetry.journal.Handler", "formatter": "json"}},
            "loggers": {name: {"level": least} for name, least in (quiet | dict(loggers or {})).items()},
            "root": {"level": others or level, "handlers": ["stderr"]},
        }
    )
