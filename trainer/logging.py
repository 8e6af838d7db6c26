"""What the trainer's log leaves out; how it looks is ``telemetry.logs``."""

from telemetry import logs


def configure(level: str) -> None:
    """Send logs to stderr, ours and RQ's from ``level`` (DEBUG, INFO, ...) up, others' from WARNING."""
    logs.configure(level, others="WARNING", loggers={"trainer": level, "rq": level, "urllib3": "ERROR"})
