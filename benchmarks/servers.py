"""The servers that take one text a request: Barometer, and each peer in its environment. Each is one process,
with one worker process behind it where there is a queue."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import redis_server
from benchmarks.contenders import ours, theirs
from benchmarks.peers import environments
from benchmarks.processes import free_port, listening, running
from benchmarks.registry import Model

PATH = "/v1/predictions"


@dataclass(frozen=True, slots=True)
class Server:
    """How a server is set up. ``app`` is what ``benchmarks.peers.serve`` calls it; empty for Barometer.

    ``answers`` is False for one that asks no model; ``durable`` is whether it keeps what it accepted.
    """

    name: str
    app: str = ""
    peer: str = ""
    variant: str = ""
    environment: str = "newest"
    answers: bool = True
    durable: bool = True


OURS = Server("Barometer")
CEILING = Server("FastAPI, constant answer", "ceiling", answers=False, durable=False)
SERVERS: Mapping[str, Server] = {
    one.name: one
    for one in (
        OURS,
        CEILING,
        Server("FastAPI in-process, batched in a thread", "batched-thread", durable=False),
        Server("FastAPI in-process, batched in its loop", "batched-loop", durable=False),
        Server("FastAPI in-process, one by one", "single", durable=False),
        Server("LitServe, batched", "litserve", durable=False),
        Server("FastAPI + taskiq", "queue", "taskiq", "list"),
        Server("FastAPI + arq", "queue", "arq", environment="arq"),
        Server("FastAPI + Celery", "queue", "celery", "solo"),
        Server("FastAPI + RQ SimpleWorker", "queue", "rq", "simple"),
    )
}


@contextmanager
def started(server: Server, model: Model, folder: Path) -> Iterator[str]:
    """Start the server, and what is behind it, on a fresh Redis; give the URL to post to.

    Args:
        folder: for the logs.
    """
    with ExitStack() as stack:
        redis_url = stack.enter_context(redis_server.started())
        port = free_port()
        if server is OURS:
            told = ours(model, redis_url) | {"GATEWAY_PORT": str(port)}
            beside = {name: [sys.executable, "-m", name] for name in ("worker", "monitoring")}
            command = [sys.executable, "-m", "gateway"]
        else:
            python = environments.python(server.environment)
            told = theirs(server.peer, server.variant, model, redis_url)
            beside = {"worker": [python, "-m", "benchmarks.peers", "work"]} if server.peer else {}
            command = [python, "-m", "benchmarks.peers.serve", server.app, str(port)]
        for name, one in beside.items():
            stack.enter_context(running(one, folder / f"{name}.log", told))
        log = folder / "server.log"
        listening(stack.enter_context(running(command, log, told)), port, log)
        yield f"http://127.0.0.1:{port}{PATH}"
