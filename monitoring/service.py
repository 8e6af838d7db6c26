"""The life of the process: one scheduled job, from the first tick to an orderly end.

Knows APScheduler and signals; knows nothing of what a tick does.
"""

import logging
import signal
import threading
from datetime import UTC, datetime

import redis
from apscheduler.schedulers.background import BackgroundScheduler

from monitoring import events, metrics, telemetry
from monitoring.monitor import Monitor
from monitoring.settings import Settings
from telemetry import supervisor

log = logging.getLogger(__name__)


def run(settings: Settings) -> None:
    """Monitor until SIGTERM, SIGINT or SIGHUP (after which a supervisor starts it with new settings).

    Raises:
        ConfigurationError: the connection string of Application Insights is malformed.
    """
    stop = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, lambda *_: stop.set())
    client = events.connect(settings.redis_url.get_secret_value())
    figures = metrics.Metrics()
    exit = telemetry.connect(settings.connection_string.get_secret_value(), settings.telemetry_dir, figures)
    if settings.metrics_port:
        metrics.serve(figures, client, settings.metrics_port)
    scheduler = _scheduler(Job(Monitor(client, settings.limit, settings.window, exit)), settings)
    scheduler.start()
    stop.wait()
    supervisor.notify("STOPPING=1")
    log.info("monitoring.stopping")
    # The tick under way ends first: its alerts are then among what is flushed.
    scheduler.shutdown(wait=True)
    exit.close()
    client.close()
    log.info("monitoring.stopped")


class Job:
    """Ticks, and says in the log what changed: ready for the first time, Redis away, Redis back."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self._is_ready = False
        self._is_away = False
        self._watchdog = supervisor.Watchdog()

    def __call__(self) -> None:
        """Tick once; with Redis away, leave it to the next time."""
        self._watchdog.feed()
        try:
            self._monitor.tick()
        except redis.RedisError as error:
            if not self._is_away:
                log.warning("redis.away", extra={"reason": str(error)})
            self._is_away = True
            return
        if self._is_away:
            log.info("redis.back")
        self._is_away = False
        if not self._is_ready:
            log.info("monitoring.ready")
            supervisor.notify("READY=1")
        self._is_ready = True


def _scheduler(job: Job, settings: Settings) -> BackgroundScheduler:
    scheduler = BackgroundScheduler(timezone=UTC)
    scheduler.add_job(
        job,
        "interval",
        id="window",
        seconds=settings.tick.total_seconds(),
        next_run_time=datetime.now(UTC),
        # A late tick does all that the missed ones would have done: run it however late, and once.
        misfire_grace_time=None,
        coalesce=True,
        max_instances=1,
    )
    return scheduler
