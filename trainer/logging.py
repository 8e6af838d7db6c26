"""How the trainer's log looks: one JSON object a line on stderr."""

import logging.config


def configure(level: str) -> None:
    """Send every logger's records to stderr as JSON, ours and RQ's from ``level`` up."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "json": {
                    "()": "pythonjsonlogger.json.JsonFormatter",
                    "fmt": "{levelname}{name}{message}",
                    "style": "{",
                    "timestamp": "time",
                    "rename_fields": {"levelname": "level", "name": "logger", "message": "event"},
                }
            },
            "handlers": {"stderr": {"class": "telemetry.journal.Handler", "formatter": "json"}},
            "root": {"level": "WARNING", "handlers": ["stderr"]},
            "loggers": {
                "trainer": {"level": level},
                "rq": {"level": level},
                "urllib3": {"level": "ERROR"},
                "azure": {"level": "CRITICAL"},
            },
        }
    )
