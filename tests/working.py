"""A worker in a thread: the real queue, heartbeat and loop, around a model made for the test."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from redis import Redis

from contract.labels import Answer, answer
from worker.heartbeat import Heartbeat
from worker.inference import Model
from worker.loop import Loop
from worker.queue import LEASE, Queue
from worker.registration import Registration


class Rule:
    """Finds texts with "bad" in them negative, raises at "poison", and takes ``seconds`` a batch."""

    version = "1"

    def __init__(self, seconds: float = 0) -> None:
        self.seconds = seconds
        self.batches: list[list[str]] = []

    def predict(self, texts: Sequence[str]) -> list[Answer]:
        self.batches.append(list(texts))
        time.sleep(self.seconds)
        if any("poison" in text for text in texts):
            raise ValueError(f"cannot read {texts}")
        return [
            answer(["negative", "positive"], [0.9, 0.1] if "bad" in text else [0.2, 0.8]) for text in texts
        ]


@contextmanager
def working(url: str, model: Model, batch_size: int = 8, lease: timedelta = LEASE) -> Iterator[Registration]:
    registration = Registration(url, "sentiment")
    queue = Queue(Redis.from_url(url, decode_responses=True), "sentiment", registration.name, lease)
    beat = Heartbeat(queue, registration)
    beat.start()
    stop = threading.Event()
    thread = threading.Thread(target=Loop(queue, beat, lambda: model, batch_size, stop).run)
    thread.start()
    try:
        yield registration
    finally:
        stop.set()
        thread.join(10)
        beat.stop()
    assert not thread.is_alive()


def wait_for(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
