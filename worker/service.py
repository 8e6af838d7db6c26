"""Puts one worker together, runs it, and takes it apart in order."""

import logging
import signal
import threading

from redis import Redis

from contract import jobs
from worker.heartbeat import Heartbeat
from worker.loop import Loop
from worker.model import Champion, Registry
from worker.queue import Queue
from worker.registration import Registration
from worker.settings import Settings

log = logging.getLogger(__name__)


def run(settings: Settings) -> None:
    """Hold the champion and work until SIGTERM or SIGINT; the batch in hand is finished first."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    champion = Champion(Registry(settings.mlflow_tracking_uri, settings.model), settings.alias_poll, stop)
    if champion.wait() is None:
        return
    champion.follow()

    name = jobs.queue_name(settings.model)
    registration = Registration(settings.redis_url, name)
    queue = Queue(Redis.from_url(settings.redis_url, decode_responses=True), name, registration.name)
    heartbeat = Heartbeat(queue, registration)
    heartbeat.start()
    log.info("worker.ready", extra={"queue": name, "worker": registration.name})
    Loop(queue, heartbeat, champion.current, settings.batch_size, stop).run()
    # After the last commit: a lease must be kept until its result is written.
    heartbeat.stop()
    log.info("worker.stopped", extra={"worker": registration.name})
