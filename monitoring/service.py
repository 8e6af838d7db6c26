"""The life of the process: its scheduled jobs, from the first tick to an orderly end.

Knows APScheduler, signals, and which parts there are; knows nothing of what they do.
"""

import logging
import signal
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import redis
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from sqlalchemy import Engine

from monitoring import events, metrics, notifying, telemetry
from monitoring.analysing import Analysis, Reports
from monitoring.errors import ConfigurationError
from monitoring.history import database
from monitoring.history.asking import Archive
from monitoring.history.figures import Figures
from monitoring.history.following import Follower
from monitoring.history.keeping import History
from monitoring.history.texts import Of, Texts
from monitoring.monitor import Monitor
from monitoring.notifying import Notifier
from monitoring.overview import Publisher
from monitoring.retraining.probation import Probation
from monitoring.retraining.queue import Trainings
from monitoring.retraining.round import Retraining
from monitoring.retraining.watch import PromotionWatch
from monitoring.sampling import Sampler
from monitoring.settings import Settings
from monitoring.showing import Limits
from monitoring.watching import Watch
from telemetry import supervisor

#: The history is this much behind what happens.
HISTORY_EVERY = timedelta(seconds=1)
#: Soon enough for a page that people look at.
OVERVIEW_EVERY = timedelta(seconds=2)
#: Conditions last for their hold-off before they matter.
SAMPLE_EVERY = timedelta(seconds=5)
NOTIFY_EVERY = timedelta(seconds=1)
#: Looked at more often than they are made: whoever runs the analysis by hand need not wait.
REPORTS_EVERY = timedelta(seconds=15)
RETRAIN_EVERY = timedelta(seconds=30)

log = logging.getLogger(__name__)


def run(settings: Settings) -> None:
    """Monitor until SIGTERM, SIGINT or SIGHUP (after which a supervisor starts it with new settings).

    Raises:
        ConfigurationError: a setting cannot be used: a connection string, a database, a target of notices.
    """
    stop = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, lambda *_: stop.set())
    figures = metrics.Metrics()
    exit = telemetry.connect(settings.connection_string.get_secret_value(), settings.telemetry_dir, figures)
    targets = notifying.targets(settings.notify.get_secret_value())
    url = settings.database_url.get_secret_value()
    engine = database.connect(url)
    history = History(engine)
    # A client each: a thread that waits for Redis, or a large answer, holds up no other.
    clients = [events.connect(settings.redis_url.get_secret_value()) for _ in range(8)]
    if settings.metrics_port:
        metrics.serve(figures, clients[6], settings.metrics_port)
    monitor = Monitor(clients[0], settings.rules(), exit, targets)
    texts = _texts(settings, clients[1])
    follower = Follower(clients[1], history, settings.retention, texts, settings.counts_retention)
    limits = Limits(settings.limit, settings.window.total_seconds(), settings.negatives_by)
    publisher = Publisher(clients[7], monitor, follower, Figures(engine), limits, settings.models)
    sampler = Sampler(clients[2], settings.models, (*settings.folders, *_folder_of(url)))
    scheduler = BackgroundScheduler(timezone=UTC)
    _add(scheduler, "window", Job(monitor), settings.tick)
    _add(scheduler, "history", unless_redis_is_away(follower), HISTORY_EVERY)
    _add(scheduler, "overview", unless_redis_is_away(publisher), OVERVIEW_EVERY)
    conditions = settings.conditions()
    watch = Watch(clients[2], conditions.names, lambda: conditions.judge(sampler.sample()))
    _add(scheduler, "conditions", unless_redis_is_away(watch), SAMPLE_EVERY)
    if targets:
        _add(scheduler, "notices", unless_redis_is_away(Notifier(clients[3], targets)), NOTIFY_EVERY)
    analysis = Analysis()
    if settings.analyse_every:
        _add(scheduler, "analysis", analysis, settings.analyse_every, after=settings.analyse_every)
        reports = _reports(settings, engine)
        client = clients[4]
        judge = Watch(client, reports.names, lambda: reports.findings(events.now_ms(client)))
        every = min(REPORTS_EVERY, settings.analyse_every)
        _add(scheduler, "reports", unless_redis_is_away(judge), every)
    trainings = Trainings(settings.redis_url.get_secret_value())
    _add_retraining(scheduler, settings, clients[5], Archive(engine), trainings)
    scheduler.start()
    stop.wait()
    supervisor.notify("STOPPING=1")
    log.info("monitoring.stopping")
    analysis.stop()
    # The tick under way ends first: its alerts are then among what is flushed.
    scheduler.shutdown(wait=True)
    exit.close()
    trainings.close()
    for client in clients:
        client.close()
    engine.dispose()
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


def unless_redis_is_away(step: Callable[[], object]) -> Callable[[], None]:
    """Leave a step to its next time while Redis is away, as ``Job`` says; what Redis refuses is said here."""

    def job() -> None:
        try:
            step()
        except (redis.ConnectionError, redis.TimeoutError):
            return
        except redis.RedisError as error:
            # Without the trace: Redis may quote what it was sent.
            said = {"step": _name(step), "error": type(error).__name__}
            log.error("step.refused", extra=said)  # noqa: TRY400

    return job


def _name(step: Callable[[], object]) -> str:
    return str(getattr(step, "__qualname__", type(step).__name__))


def _texts(settings: Settings, client: redis.Redis) -> Texts | None:
    if settings.keep_text:
        return Texts(client)
    return Texts(client, Of.JUDGED) if settings.retrain.feedback else None


def _add_retraining(
    scheduler: BackgroundScheduler,
    settings: Settings,
    client: redis.Redis,
    archive: Archive,
    trainings: Trainings,
) -> None:
    # As soon as there is something new to look at.
    every = min(RETRAIN_EVERY, settings.analyse_every or RETRAIN_EVERY)
    if settings.probation:
        watched = Probation(settings.probation)
        for model in settings.models:
            watch = PromotionWatch(client, archive, trainings, model, watched)
            _add(scheduler, f"probation {model}", unless_redis_is_away(watch.look), every)
    order = settings.retrain.order()
    if order is None:
        return
    retraining = Retraining(client, archive, trainings, order)
    _add(scheduler, "retraining", unless_redis_is_away(retraining.look), every)
    if settings.retrain.cron:
        scheduler.add_job(
            retraining.by_the_clock,
            _cron(settings.retrain.cron),
            id="cron",
            misfire_grace_time=3600,
            coalesce=True,
        )


def _cron(fields: str) -> CronTrigger:
    try:
        return CronTrigger.from_crontab(fields, timezone=UTC)
    except ValueError as error:
        raise ConfigurationError(
            "MONITORING_RETRAIN__CRON is not usable: five fields, as in '0 3 * * 0'."
        ) from error


def _reports(settings: Settings, engine: Engine) -> Reports:
    return Reports(
        Archive(engine),
        settings.live_quality.named("live_quality"),
        settings.estimated_quality.named("estimated_quality"),
        settings.drift.named("drift"),
    )


def _folder_of(database_url: str) -> list[Path]:
    """Return the folder whose disk the history needs; none of a server's."""
    file = database.file_of(database_url)
    return [file.parent] if file else []


def _add(
    scheduler: BackgroundScheduler,
    id: str,
    job: Callable[[], None],
    every: timedelta,
    after: timedelta = timedelta(0),
) -> None:
    scheduler.add_job(
        job,
        "interval",
        id=id,
        seconds=every.total_seconds(),
        next_run_time=datetime.now(UTC) + after,
        # A late tick does all that the missed ones would have done: run it however late, and once.
        misfire_grace_time=None,
        coalesce=True,
        max_instances=1,
    )
