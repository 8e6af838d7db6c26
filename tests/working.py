"""A worker in a thread: the real queue, heartbeat and loop, around a model made for the test."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from redis import Redis

from contract import jobs
from contract.labels import Answer, answer
from worker.batch import Batch
from worker.batching import Limits
from worker.heartbeat import Heartbeat
from worker.inference import Model
from worker.loop import Loop
from worker.metrics import Metrics
from worker.model import Encoded, Text
from worker.queue import LEASE, Queue
from worker.registration import Registration


class Rule:
    """Finds texts with "bad" in them negative, raises at "poison", and takes ``seconds`` a batch.

    It reads ``limit`` characters, and explains every word with its length.
    """

    version = "1"
    can_explain = True

    def __init__(self, seconds: float = 0, limit: int = 10**6, is_padded: bool = False) -> None:
        self.seconds = seconds
        self.limit = limit
        self.is_padded = is_padded
        self.batches: list[list[str]] = []
        self.encoded: list[str] = []

    def encode(self, texts: Sequence[str]) -> list[Text]:
        self.encoded += texts
        if any("unreadable" in text for text in texts):
            raise ValueError(f"cannot encode {texts}")
        return [Text(text[: self.limit], len(text) > self.limit) for text in texts]

    def explain(self, text: str) -> list[dict[str, Any]]:
        time.sleep(self.seconds)
        return [{"token": text, "start": 0, "end": len(text), "weight": 1.0}]

    def classify(self, encoded: Sequence[Encoded]) -> list[Answer]:
        texts = [one.text for one in encoded if isinstance(one, Text)]
        self.batches.append(list(texts))
        time.sleep(self.seconds)
        if any("poison" in text for text in texts):
            raise ValueError(f"cannot read {texts}")
        return [
            answer(["negative", "positive"], [0.9, 0.1] if "bad" in text else [0.2, 0.8]) for text in texts
        ]


@dataclass(frozen=True)
class Working:
    """A worker under test: RQ's name of it, and its figures."""

    name: str
    metrics: Metrics


@contextmanager
def working(
    url: str,
    model: Model | Callable[[], Model],
    batch_size: int = 8,
    lease: timedelta = LEASE,
    patience_s: float = 0,
    model_name: str = "sentiment",
    metrics: Metrics | None = None,
    listener: Callable[[Batch], None] | None = None,
) -> Iterator[Working]:
    registration = Registration(url, jobs.queue_names(model_name), lambda: "1")
    metrics = metrics or Metrics()
    limits = Limits(batch_size, 16_384, timedelta(seconds=10), timedelta(seconds=patience_s))
    queue = Queue(Redis.from_url(url, decode_responses=True), model_name, registration.name, lease)
    beat = Heartbeat(queue, registration, metrics)
    beat.start()
    stop = threading.Event()
    loop = Loop(queue, beat, model if callable(model) else lambda: model, limits, stop, metrics)
    if listener:
        loop.tell(listener)
    thread = threading.Thread(target=loop.run)
    thread.start()
    try:
        yield Working(registration.name, metrics)
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
