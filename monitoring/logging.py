"""What monitoring's log leaves out; how it looks is ``telemetry.logs``."""

from telemetry import logs


def configure(level: str) -> None:
    """Send all logs of this process to stderr, from ``level`` (DEBUG, INFO, ...) up."""
    # APScheduler warns at each tick that a slow Redis delays; Alembic says what database it found.
    logs.configure(level, loggers={"apscheduler": "ERROR", "alembic": "WARNING"})
