"""What a waiter costs a gateway, in memory and in questions to Redis; and what it serves in a second.

``python -m benchmarks.waiters``
"""

import json
import resource
import selectors
import socket
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Annotated, cast

import httpx2
import psutil
import redis
import typer

from benchmarks import client, machine, processes, redis_server, report, service
from benchmarks.client import Load, Measured
from contract import keys
from contract.registry import DEFAULT_MODEL

#: Requests that are sent before it is looked whether they have arrived: one loop reads them all.
AT_ONCE = 200
#: The longest that a client may wait; all must have come, and been watched, before the first gives up.
PATIENCE_S = 60
#: Other files that this program has open.
SPARE_FILES = 500
MIB = 2**20

TEXT = "We waited for an hour and nobody told us why."


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """Memory in MiB: the gateway alone, with as many silent connections, with all of them waiting."""

    waiters: int
    alone_mib: float
    connected_mib: float
    waiting_mib: float
    commands_before: float
    commands_waiting: float

    @property
    def waiter_kib(self) -> float:
        """What one more costs, with its connection."""
        return (self.waiting_mib - self.alone_mib) * 1024 / self.waiters


def run(
    waiters: Annotated[int, typer.Option(min=1, help="Who wait at the same time.")] = 10_000,
    seconds: Annotated[int, typer.Option(min=1, max=20, help="How long Redis is watched.")] = 10,
    requests: Annotated[int, typer.Option(min=100, help="How many of each kind are timed.")] = 10_000,
    rounds: Annotated[int, typer.Option(min=1, help="The fastest of so many counts.")] = 3,
) -> None:
    """Let thousands wait for a worker that never comes; then count what one gateway serves in a second.

    Examples:

    - `python -m benchmarks.waiters`
    - `python -m benchmarks.waiters --waiters 500 --seconds 3 --requests 1000 --rounds 1`
    """
    processes.stop_on_sigterm()
    here = machine.here()
    idle = waiting(waiters, seconds)
    rates = served(requests, rounds)
    figures = {"idle": asdict(idle), "rates": {name: one.summary() for name, one in rates.items()}}
    report.write("waiters", here, tables(idle, rates), figures)


def waiting(count: int, seconds: int) -> Idle:
    """Measure a gateway without a worker, on which so many wait."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count + SPARE_FILES:
        raise SystemExit(f"{count} connections need {count + SPARE_FILES} open files; raise `ulimit -Hn`.")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with ExitStack() as stack:
        redis_url = stack.enter_context(redis_server.started())
        store = stack.enter_context(redis.Redis.from_url(redis_url))
        url, process = stack.enter_context(
            # Clients connect long before they ask.
            service.gateway(redis_url, GATEWAY_HEAD_PATIENCE="120")
        )
        for _ in range(50):  # what the first requests load is no waiter's
            httpx2.post(f"{url}/v1/predictions", json={"input": {"text": TEXT}}, trust_env=False)
        store.delete(keys.queue(DEFAULT_MODEL))
        alone = memory(process)
        before = commands(store, seconds)
        print(f"connecting {count} clients ...", file=sys.stderr)
        sockets = [stack.enter_context(connected(url)) for _ in range(count)]
        time.sleep(1)
        silent = memory(process)
        begun = time.monotonic()
        ask(sockets, url, store)
        during = commands(store, seconds)
        found = memory(process)
        if time.monotonic() - begun > PATIENCE_S - 1 or gauge(url) != count:
            raise SystemExit(f"{gauge(url):.0f} of {count} wait: this machine is too slow for so many.")
    return Idle(
        waiters=count, alone_mib=alone, connected_mib=silent, waiting_mib=found,
        commands_before=before, commands_waiting=during,
    )  # fmt: skip


def connected(url: str) -> socket.socket:
    """Return a connection that has said nothing yet."""
    host, _, port = url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=PATIENCE_S)


def ask(sockets: list[socket.socket], url: str, store: "redis.Redis") -> None:
    """Have every connection wait for a prediction of its own."""
    asked = Load(url=f"{url}/v1/predictions", connections=1, requests=1, warm_up=0, bodies=[])
    question = client.request(asked, json.dumps({"input": {"text": TEXT}}))
    for begin in range(0, len(sockets), AT_ONCE):
        crowd = sockets[begin : begin + AT_ONCE]
        with selectors.DefaultSelector() as answered:
            for one in crowd:
                answered.register(one, selectors.EVENT_READ)
                one.sendall(question)
            deadline = time.monotonic() + PATIENCE_S
            while store.llen(keys.queue(DEFAULT_MODEL)) < begin + len(crowd):
                if time.monotonic() > deadline:
                    raise SystemExit("the gateway does not take the requests: is the machine busy?")
                # Nothing is answered here but a 503, when the machine was busy elsewhere: ask again.
                for key, _ in answered.select(0.005):
                    cast("socket.socket", key.fileobj).recv(4096)
                    cast("socket.socket", key.fileobj).sendall(question)


def memory(process: psutil.Process) -> float:
    """Return the MiB that only this process has."""
    return float(process.memory_full_info().uss) / MIB


def commands(store: "redis.Redis", seconds: int) -> float:
    """Return the commands that Redis is sent in a second by others than us; those in scripts count too."""
    before = redis_server.cost(store).commands
    time.sleep(seconds)
    return (redis_server.cost(store).commands - before - 1) / seconds


def gauge(url: str) -> float:
    """Return how many wait, by the gateway's own figure."""
    shown = httpx2.get(f"{url}/metrics", trust_env=False, timeout=30).text.splitlines()
    return next(float(line.split()[1]) for line in shown if line.startswith("barometer_waiters "))


def served(requests: int, rounds: int) -> dict[str, Measured]:
    """Return the fastest round of each kind of request, on the whole service."""
    with service.started() as place:
        create = f"{place.api}/v1/predictions"
        body = json.dumps({"input": {"text": TEXT}})
        sent = httpx2.post(
            create, content=body, trust_env=False, timeout=PATIENCE_S,
            headers={"Content-Type": "application/json", "Prefer": "wait"},
        ).raise_for_status().json()  # fmt: skip
        kinds = {
            "submit": (create, body, False),
            "poll": (f"{create}/{sent['id']}", "", False),
            "wait": (create, body, True),
        }
        return {name: fastest(name, kind, requests, rounds) for name, kind in kinds.items()}


def fastest(name: str, kind: tuple[str, str, bool], requests: int, rounds: int) -> Measured:
    """Measure one kind again and again, and say how it goes."""
    url, body, wait = kind
    asked = Load(url=url, connections=32, requests=requests, warm_up=100, bodies=[body], wait=wait)
    done = []
    for number in range(1, rounds + 1):
        done.append(client.run(asked))
        print(f"{name}, round {number} of {rounds}: {done[-1].rate:,.0f} a second", file=sys.stderr)
    return max(done, key=lambda one: one.rate)


def tables(idle: Idle, rates: dict[str, Measured]) -> list[str]:
    """Return the two tables."""
    one = report.table(
        ["one gateway", "MiB", "Redis commands/s"],
        [
            ["alone", f"{idle.alone_mib:.0f}", f"{idle.commands_before:.1f}"],
            [f"{idle.waiters:,} silent connections", f"{idle.connected_mib:.0f}", ""],
            [f"{idle.waiters:,} that wait", f"{idle.waiting_mib:.0f}", f"{idle.commands_waiting:.1f}"],
            ["one more that waits", f"{idle.waiter_kib / 1024:.4f}", ""],
        ],
    )
    two = report.table(
        ["32 clients, one gateway, one worker", "requests/s", "p50 ms", "p99 ms"],
        [[name, f"{m.rate:,.0f}", f"{m.p50:.1f}", f"{m.p99:.1f}"] for name, m in rates.items()],
    )
    return [one, two]


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)
    app.command()(run)
    app()
