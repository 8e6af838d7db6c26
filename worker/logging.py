"""Logs: an event name and its fields, one JSON object a line on stderr. Never a user's text."""

import logging.config

#: What of the log is told to Application Insights as custom events, with which fields.
TOLD: dict[str, tuple[str, ...]] = {
    "worker.ready": ("worker",),
    "model.loaded": ("version",),
    "model.swapped": ("version", "previous"),
    "model.refused": ("version", "reason", "serving"),
    "model.last_good": ("version",),
    "shadow.began": ("version", "champion"),
    "shadow.broken": ("version", "champion", "reason"),
    "leases.reaped": ("requeued", "failed"),
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
            # What they say of retries is said by us, once and shorter.
            "loggers": {
                "urllib3.connectionpool": {"level": "ERROR"},
                "azure": {"level": "CRITICAL"},
                "opentelemetry.exporter": {"level": "CRITICAL"},
            },
            "root": {"level": level, "handlers": ["stderr"]},
        }
    )
