"""What the log leaves out, and what of it is told elsewhere; how it looks is ``telemetry.logs``."""

from telemetry import logs

#: What of the log is told to Application Insights as custom events, with which fields.
TOLD: dict[str, tuple[str, ...]] = {
    "gateway.ready": (),
    "endpoint.disabled": ("reason",),
    "results.forgotten": ("count",),
    "redis.away": ("error",),
    "redis.back": (),
}


def configure(level: str) -> None:
    """Send all logs of this process to stderr, from ``level`` (DEBUG, INFO, ...) up."""
    # uvicorn's start and stop are said by us.
    logs.configure(level, loggers={"uvicorn.error": "WARNING"})
