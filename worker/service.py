"""Puts one worker together, runs it, and takes it apart in order."""

import logging
import os
import signal
import threading
from concurrent.futures import Future, wait
from functools import partial

from prometheus_client import start_http_server
from redis import Redis

import telemetry
from contract import jobs
from telemetry import supervisor
from worker import announcing, threads
from worker.announcing import Announcer
from worker.champion import Champion
from worker.heartbeat import Heartbeat
from worker.logging import TOLD
from worker.loop import Loop
from worker.metrics import SENT, Metrics, ModelFigures
from worker.queue import Queue
from worker.registration import Registration, new_name
from worker.registry import Registry
from worker.settings import Settings
from worker.shadow.ledger import Ledger
from worker.shadow.process import Process
from worker.shadow.sampling import Sampler
from worker.shadow.shadowing import Shadowing
from worker.tracing import TracedMetrics
from worker.versions import versions

log = logging.getLogger(__name__)

#: How late a signal may be acted upon.
ATTENTION_S = 0.1


class Signals:
    """What an operator asks of the process.

    The first SIGTERM or SIGINT asks it to finish the batch in hand; the second not to wait even for that.
    SIGHUP asks it to look at the registry now.
    """

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.hurry = threading.Event()
        self.reload = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._told)
        signal.signal(signal.SIGHUP, lambda *_: self.reload.set())

    def _told(self, *_: object) -> None:
        (self.hurry if self.stop.is_set() else self.stop).set()


def run(settings: Settings) -> None:
    """Hold the champion and work until SIGTERM or SIGINT.

    Raises:
        ConfigurationError: traces cannot be sent as the settings say.
    """
    traces = telemetry.connect("barometer-worker", *settings.traces_to)
    if traces:
        traces.listen(TOLD, model=settings.model)
    signals = Signals()
    threads.limit(settings.threads)
    name = new_name()
    announcer = Announcer(announcing.connect(settings.redis_url), settings.model, name)
    champion = Champion(versions(settings, signals.stop), settings.alias_poll, signals.stop, announcer)
    if champion.wait() is None:
        if traces:
            traces.close()
        return
    champion.follow()

    metrics = TracedMetrics(traces.tracer, settings.model) if traces else Metrics()
    metrics.registry.register(ModelFigures(champion))
    if traces:
        traces.mirror(metrics.registry, SENT)
    if settings.metrics_port:
        start_http_server(settings.metrics_port, "127.0.0.1", metrics.registry)
    registration = Registration(
        settings.redis_url, jobs.queue_names(settings.model), lambda: champion.current().version, name
    )
    redis = Redis.from_url(settings.redis_url, decode_responses=True)
    queue = Queue(redis, settings.model, registration.name)
    heartbeat = Heartbeat(queue, registration, metrics)
    heartbeat.start()
    loop = Loop(queue, heartbeat, champion.current, settings.limits, signals.stop, metrics)
    shadowing = _shadow(settings, loop, champion, name)
    log.info("worker.ready", extra={"model": settings.model, "worker": registration.name})
    supervisor.notify("READY=1")
    _attend(loop, signals, champion)
    supervisor.notify("STOPPING=1")
    if shadowing:
        shadowing.stop()
    # After the last commit: a lease must be kept until its result is written.
    heartbeat.stop()
    if traces and not signals.hurry.is_set():
        traces.close()
    log.info("worker.stopped", extra={"worker": registration.name})
    if signals.hurry.is_set():
        # The model may be in the middle of a long batch, and a thread cannot be ended.
        logging.shutdown()
        os._exit(0)


def _shadow(settings: Settings, loop: Loop, champion: Champion, name: str) -> Shadowing | None:
    """Have a share of what the loop answers compared with the challenger, if the operator wants that."""
    if not settings.shadow:
        return None
    sampler = Sampler(settings.shadow)
    told = {
        "tracking_uri": settings.mlflow_tracking_uri,
        "model": settings.model,
        "cache": str(settings.cache),
    }
    shadowing = Shadowing(
        # Nothing is fetched through it: the challenger's process does that.
        Registry(settings.mlflow_tracking_uri, settings.model, threading.Event()),
        partial(Process, told=told),
        sampler,
        Ledger(announcing.connect(settings.redis_url), settings.model, name),
        lambda: champion.current().version,
        settings.alias_poll,
    )
    loop.tell(sampler.offer)
    shadowing.start()
    return shadowing


def _attend(loop: Loop, signals: Signals, champion: Champion) -> None:
    """Run the loop beside this thread, which alone hears signals: a batch keeps its own thread for seconds.

    Raises:
        Exception: what ended the loop; without it the process would look alive and answer nobody.
    """
    working: Future[None] = Future()
    threading.Thread(target=_run, args=(loop, working), name="loop", daemon=True).start()
    watchdog = supervisor.Watchdog()
    while not working.done():
        watchdog.feed()
        wait([working], timeout=ATTENTION_S)
        if signals.reload.is_set():
            signals.reload.clear()
            champion.reload()
        if signals.hurry.is_set():
            loop.hand_back()
            return
    working.result()


def _run(loop: Loop, working: "Future[None]") -> None:
    try:
        loop.run()
    except BaseException as error:  # noqa: BLE001 - raised again in the main thread
        working.set_exception(error)
    else:
        working.set_result(None)
