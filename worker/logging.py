"""What the log leaves out, and what of it is told elsewhere; how it looks is ``telemetry.logs``."""

from telemetry import logs

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
    """Send all logs of this process to stderr, from ``level`` (DEBUG, INFO, ...) up."""
    # What it says of retries is said by us, once and shorter.
    logs.configure(level, loggers={"urllib3.connectionpool": "ERROR"})
