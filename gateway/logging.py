"""Logs: an event name and its fields, one JSON object a line on stderr. Never a user's text."""

import logging.config

#: What of the log is told to Application Insights as custom events, with which fields.
TOLD: dict[str, tuple[str, ...]] = {
    "gateway.ready": (),
    "endpoint.disabled": ("reason",),
    "results.forgotten": ("count",),
    "redis.away": ("error",),
    "redis.back": (),
}


def configure(level: str) -> None:
    """Send every logger of this process to stderr as JSON lines."""
    logging.config.dictConfig(
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
            # uvicorn's start and stop are said by us, and so are exporters whose endpoint is away.
            "loggers": {
                "uvicorn.error": {"level": "WARNING"},
                "azure": {"level": "CRITICAL"},
                "opentelemetry.exporter": {"level": "CRITICAL"},
            },
            "root": {"level": level, "handlers": ["stderr"]},
        }
    )
