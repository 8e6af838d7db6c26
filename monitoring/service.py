"""The life of the process: its scheduled jobs, from the first tick to an orderly end.

Knows APScheduler, signals, and which parts there are; knows nothing of what they do.
"""

import logging
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import redis
from apscheduler.schedulers.background import BackgroundScheduler

from monitoring import events, telemetry
from monitoring.history import database
from monitoring.history.following import Follower
from monitoring.history.keeping import History
from monitoring.history.texts import Texts
from monitoring.monitor import Monitor
from monitoring.settings import Settings

#: The history is this much behind what happens.
HISTORY_EVERY = timedelta(seconds=1)

log = logging.getLogger(__name__)


def run(settings: Settings) -> None:
    """Monitor until SIGTERM or SIGINT.

    Raises:
        ConfigurationError: the connection string of Application Insights is malformed.
    """
    stop = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: stop.set())
    url = settings.redis_url.get_secret_value()
    # A client each: a thread that waits for Redis holds up no other.
    clients = [events.connect(url) for _ in range(2)]
    exit = telemetry.connect(settings.connection_string.get_secret_value(), settings.telemetry_dir)
    history = History(database.connect(settings.database_url.get_secret_value()))
    scheduler = BackgroundScheduler(timezone=UTC)
    _add(scheduler, "window", Job(Monitor(clients[0], settings.limit, settings.window, exit)), settings.tick)
    texts = Texts(clients[1]) if settings.keep_text else None
    follower = Follower(clients[1], history, settings.retention, texts)
    _add(scheduler, "history", unless_redis_is_away(follower), HISTORY_EVERY)
    scheduler.start()
    stop.wait()
    log.info("monitoring.stopping")
    # The tick under way ends first: its alerts are then among what is flushed.
    scheduler.shutdown(wait=True)
    exit.close()
    for client in clients:
        client.close()
    log.info("monitoring.stopped")


class Job:
    """Ticks, and says in the log what changed: ready for the first time, Redis away, Redis back."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self._is_ready = False
        self._is_away = False

    def __call__(self) -> None:
        """Tick once; with Redis away, leave it to the next time."""
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
        self._is_ready = True


def unless_redis_is_away(step: Callable[[], None]) -> Callable[[], None]:
    """Leave a step to its next time while Redis is away; ``Job`` has said so."""

    def job() -> None:
        with suppress(redis.RedisError):
            step()

    return job


def _add(scheduler: BackgroundScheduler, id: str, job: Callable[[], None], every: timedelta) -> None:
    scheduler.add_job(
        job,
        "interval",
        id=id,
        seconds=every.total_seconds(),
        next_run_time=datetime.now(UTC),
        # A late tick does all that the missed ones would have done: run it however late, and once.
        misfire_grace_time=None,
        coalesce=True,
        max_instances=1,
    )
