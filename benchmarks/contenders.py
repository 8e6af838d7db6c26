"""The queues that are drained: Barometer, and each peer in its environment. Declares; measures nothing."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, cast

import redis

from benchmarks import client, redis_server
from benchmarks.client import Load
from benchmarks.peers import environments
from benchmarks.processes import free_port, listening, running
from benchmarks.registry import Model
from contract import jobs, keys

Client = redis.Redis

#: Answers that are compared with the model's.
COMPARED = 500
#: Connections that fill Barometer's queue, through its gateway.
CONNECTIONS = 64


class Queue(Protocol):
    """One queue on one Redis, with one model."""

    #: What runs one worker, and what it is told.
    worker: list[str]
    environment: dict[str, str]

    def fill(self, texts: Sequence[str]) -> None:
        """Enqueue a job a text."""

    def done(self, client: Client, count: int) -> int:
        """Return how many of so many jobs have ended."""

    def answers(self, texts: Sequence[str]) -> Iterable[tuple[str, str]]:
        """Give texts and labels of some jobs that have ended."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A name, the share of the jobs that is enough to measure it, and how it is set up."""

    name: str
    share: float
    open: Callable[[Model, str, Path], Queue]


class Ours:
    """Barometer: filled by its gateway over HTTP, drained by ``python -m worker``."""

    def __init__(self, model: Model, redis_url: str, folder: Path) -> None:
        self.worker = [sys.executable, "-m", "worker"]
        self.environment = ours(model, redis_url)
        self._name = jobs.queue_name(model.name)
        self._redis = Client.from_url(redis_url, decode_responses=True)
        self._log = folder / "gateway.log"

    def fill(self, texts: Sequence[str]) -> None:
        port = free_port()
        settings = {**self.environment, "GATEWAY_PORT": str(port), "GATEWAY_QUEUE_LIMIT": str(len(texts))}
        bodies = [json.dumps({"input": {"text": text}}) for text in texts]
        with running([sys.executable, "-m", "gateway"], self._log, settings) as gateway:
            listening(gateway, port, self._log)
            url = f"http://127.0.0.1:{port}/v1/predictions"
            load = Load(
                url=url, connections=CONNECTIONS, requests=len(texts), warm_up=0, bodies=bodies, wait=False
            )
            client.run(load)

    def done(self, client: Client, count: int) -> int:
        del count
        return int(client.zcard(keys.finished(self._name)))

    def answers(self, texts: Sequence[str]) -> Iterable[tuple[str, str]]:
        del texts
        found = islice(self._redis.scan_iter(match=keys.PREDICTION_PREFIX + "*", count=1_000), COMPARED)
        for key in found:
            input, output = cast("list[str]", self._redis.hmget(key, ["input", "output"]))
            yield json.loads(input)["text"], json.loads(output)["label"]


class Theirs:
    """A peer, reached through ``python -m benchmarks.peers``."""

    def __init__(
        self,
        python: str,
        peer: tuple[str, str],
        done: Callable[[Client, int], int],
        model: Model,
        redis_url: str,
    ) -> None:
        self.worker = [python, "-m", "benchmarks.peers", "work"]
        self.environment = theirs(*peer, model, redis_url)
        self.done = done
        self._ids: list[str] = []

    def fill(self, texts: Sequence[str]) -> None:
        self._ids = self._call("fill", texts)

    def answers(self, texts: Sequence[str]) -> Iterable[tuple[str, str]]:
        step = max(1, len(texts) // COMPARED)
        found = self._call("answers", self._ids[::step])
        return [(text, answer["label"]) for text, answer in zip(texts[::step], found, strict=True)]

    def _call(self, name: str, given: Sequence[str]) -> Any:
        done = subprocess.run(
            [*self.worker[:-1], name], input=json.dumps(list(given)), stdout=subprocess.PIPE, check=True,
            text=True, env={**os.environ, **self.environment},
        )  # fmt: skip
        return json.loads(done.stdout)


def ours(model: Model, redis_url: str) -> dict[str, str]:
    """Return what Barometer's services are told."""
    return {
        "REDIS_URL": redis_url, "MLFLOW_TRACKING_URI": model.mlflow,
        "WORKER_MODEL": model.name, "GATEWAY_MODEL": model.name,
    }  # fmt: skip


def theirs(peer: str, variant: str, model: Model, redis_url: str) -> dict[str, str]:
    """Return what a peer is told."""
    return {"PEER": peer, "PEER_VARIANT": variant, "PEER_MODEL": str(model.folder), "REDIS_URL": redis_url}


def _peer(
    name: str,
    share: float,
    peer: tuple[str, str],
    done: Callable[[Client, int], int],
    environment: str = "newest",
) -> Contender:
    def open(model: Model, redis_url: str, _: Path) -> Queue:
        return Theirs(environments.python(environment), peer, done, model, redis_url)

    return Contender(name, share, open)


def _registered(client: Client, _: int) -> int:
    return int(client.zcard("rq:finished:bench"))


def _calls(command: str) -> Callable[[Client, int], int]:
    """A queue of which each job that ends calls this command once, and nothing else does."""
    return lambda client, _: redis_server.calls(client, command)


OURS = Contender("Barometer", 1.0, Ours)
CONTENDERS: Mapping[str, Contender] = {
    one.name: one
    for one in (
        OURS,
        _peer("RQ SimpleWorker", 0.2, ("rq", "simple"), _registered),
        _peer("RQ Worker (forks)", 0.02, ("rq", "fork"), _registered),
        _peer("Celery prefork", 0.25, ("celery", "prefork"), _calls("setex")),
        _peer("Celery threads", 0.25, ("celery", "threads"), _calls("setex")),
        _peer("Celery solo", 0.25, ("celery", "solo"), _calls("setex")),
        _peer("arq", 0.4, ("arq", ""), lambda client, count: count - client.zcard("arq:queue"), "arq"),
        _peer("taskiq list", 0.4, ("taskiq", "list"), _calls("set")),
        _peer("taskiq stream", 0.4, ("taskiq", "stream"), _calls("xack")),
    )
}
