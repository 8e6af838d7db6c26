"""One JSON object a line on standard error: an event's name and its fields.

Knows the shape of a log line and which libraries are too talkative; knows no event.
"""

from logging.config import dictConfig


def configure(level: str) -> None:
    """Send all logs of this process to standard error, from ``level`` (DEBUG, INFO, ...) up."""
    dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "json": {
                    "()": "pythonjsonlogger.json.JsonFormatter",
                    "fmt": "%(levelname)s %(name)s %(message)s",
                    "rename_fields": {"levelname": "level", "name": "logger", "message": "event"},
                    "timestamp": "time",
                }
            },
            "handlers": {"stderr": {"class": "telemetry.journal.Handler", "formatter": "json"}},
            "root": {"handlers": ["stderr"], "level": level},
            # APScheduler warns at each tick that a slow Redis delays; that Azure is away is said by us, once;
            # Alembic says at each start what kind of database it found.
            "loggers": {
                "apscheduler": {"level": "ERROR"},
                "azure": {"level": "CRITICAL"},
                "alembic": {"level": "WARNING"},
            },
        }
    )
