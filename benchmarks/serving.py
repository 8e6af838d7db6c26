"""How many predictions a second over HTTP, one text a request, and how long each takes: Barometer and others.

``python -m benchmarks.serving``
"""

import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import client, machine, plot, processes, redis_server, registry, report
from benchmarks.client import Load, Measured, Unmeasured
from benchmarks.latency import LONGEST, SHORTEST
from benchmarks.rows import STARTER, read
from benchmarks.servers import OURS, SERVERS, Server, started


class Chosen(StrEnum):
    """A model that can be served."""

    LR = "lr"
    BERT = "bert"


#: Different texts that are sent, in turn.
TEXTS = 500
#: How many of them are answered and compared before the first load; with BERT a server does 50 a second.
COMPARED = {Chosen.LR: TEXTS, Chosen.BERT: 64}
CONNECTIONS = (1, 16, 64, 256)
#: Clients that ask for what is compared.
COMPARING = 16
#: More requests than any server answers in the time it gets.
ENDLESS = 10**9


@dataclass(frozen=True, slots=True)
class Served:
    """One server under one load; the figures of one that did not bear it are 0, and ``failure`` says why."""

    server: str
    durable: bool
    connections: int
    rate: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    client_us: float = 0.0
    failure: str = ""


def run(
    model: Annotated[
        Chosen, typer.Option(help="What is served: lr, or one of BERT-base's size.")
    ] = Chosen.LR,
    rounds: Annotated[int, typer.Option(min=1, help="The median of so many.")] = 3,
    seconds: Annotated[float, typer.Option(min=0.1, help="For each server and number of clients.")] = 8,
    only: Annotated[
        list[str] | None,
        typer.Option(
            help="Only servers whose name has this in it, and Barometer; may be given several times."
        ),
    ] = None,
) -> None:
    """Put 1, 16, 64 and 256 clients on each server, one request after the other on each connection.

    Examples:

    - `python -m benchmarks.serving`
    - `python -m benchmarks.serving --rounds 1 --seconds 2 --only in-process`
    - `python -m benchmarks.serving --model bert --only in-process --only taskiq`
    """
    processes.stop_on_sigterm()
    here = machine.here()
    servers = [
        one for one in SERVERS.values() if one is OURS or any(part in one.name for part in only or [""])
    ]
    rows = [row.text for row in read(STARTER) if SHORTEST <= len(row.text.split()) <= LONGEST]
    texts = rows[:TEXTS]
    served: list[Served] = []
    with registry.started(model.value) as (chosen,):
        labels = chosen.labels(texts)
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
            for server in servers:
                asked = Load(
                    url="",
                    connections=COMPARING,
                    requests=COMPARED[model],
                    warm_up=0,
                    bodies=[json.dumps({"input": {"text": text}}) for text in texts],
                    labels=labels if server.answers else [],
                    tolerance=chosen.tolerance,
                )
                with tempfile.TemporaryDirectory(prefix="barometer-") as folder:
                    served += measure(server, partial(started, server, chosen, Path(folder)), asked, seconds)
    best = _medians(served)
    name = "serving" if model is Chosen.LR else f"serving_{model}"
    figures = {
        "redis": redis_server.installed(),
        "medians": [asdict(one) for one in best],
        "rounds": [asdict(one) for one in served],
    }
    tables = [_rates(best), _latencies(best)]
    report.write(name, here, tables, figures)
    plot.serving(best, report.RESULTS / f"{name}.svg")


def measure(
    server: Server,
    start: Callable[[], AbstractContextManager[str]],
    asked: Load,
    seconds: float,
    crowds: Sequence[int] = CONNECTIONS,
) -> list[Served]:
    """Put so many clients on the server, one crowd after the other.

    A peer that does not bear a load is started anew for the next: what it still holds belongs to this one.

    Args:
        start: starts the server, and gives its URL.
        asked: what is asked and compared before a fresh server is measured.

    Raises:
        Unmeasured: Barometer itself did not bear a load.
    """
    done: list[Served] = []
    while rest := crowds[len(done) :]:
        with start() as url:
            done += _until_failure(server, replace(asked, url=url), seconds, rest)
    return done


def _until_failure(server: Server, asked: Load, seconds: float, crowds: Sequence[int]) -> list[Served]:
    done: list[Served] = []
    for connections in crowds:
        load = replace(asked, connections=connections, requests=ENDLESS, warm_up=connections, seconds=seconds)
        try:
            if not done:
                # Also waits for workers that are still loading the model: a request waits in the queue.
                client.run(asked)
            done.append(_served(server, connections, client.run(load)))
        except Unmeasured as error:
            if server is OURS:
                raise
            print(f"  {server.name}, {connections}: {error}", file=sys.stderr)
            return [*done, Served(server.name, server.durable, connections, failure=str(error))]
        print(f"  {server.name}, {connections}: {done[-1].rate:,.0f}/s", file=sys.stderr)
    return done


def _served(server: Server, connections: int, measured: Measured) -> Served:
    return Served(
        server=server.name,
        durable=server.durable,
        connections=connections,
        rate=measured.rate,
        p50_ms=measured.p50,
        p99_ms=measured.p99,
        client_us=measured.client_us,
    )


def _medians(served: Sequence[Served]) -> list[Served]:
    """Return one of each server and number of clients: a failure if there was one, else the medians."""
    alike: dict[tuple[str, int], list[Served]] = {}
    for one in served:
        alike.setdefault((one.server, one.connections), []).append(one)
    figures = ("rate", "p50_ms", "p99_ms", "client_us")
    return [
        next(
            (one for one in some if one.failure),
            replace(
                some[0], **{name: statistics.median(getattr(one, name) for one in some) for name in figures}
            ),
        )
        for some in alike.values()
    ]


def _by_server(served: Sequence[Served]) -> Mapping[str, Mapping[int, Served]]:
    found: dict[str, dict[int, Served]] = {}
    for one in served:
        found.setdefault(one.server, {})[one.connections] = one
    return found


def _rates(served: Sequence[Served]) -> str:
    servers = _by_server(served)
    ours = servers[OURS.name]
    return report.table(
        [
            "predictions/s, by clients", "keeps", *map(str, CONNECTIONS),
            *(f"Barometer / this, {count}" for count in CONNECTIONS),
        ],
        [
            [
                name, "yes" if by_count[CONNECTIONS[0]].durable else "no",
                *(_unless_failed(one, f"{one.rate:,.0f}") for one in by_count.values()),
                *("-" if one.failure else f"{ours[count].rate / one.rate:.2f}"
                  for count, one in by_count.items()),
            ]
            for name, by_count in servers.items()
        ],
    )  # fmt: skip


def _unless_failed(one: Served, figures: str) -> str:
    return "fails" if one.failure else figures


def _latencies(served: Sequence[Served]) -> str:
    return report.table(
        ["p50 / p99 ms, by clients", *map(str, CONNECTIONS), "client's CPU, µs a request"],
        [
            [
                name,
                *(_unless_failed(one, f"{one.p50_ms:.1f} / {one.p99_ms:.1f}") for one in by_count.values()),
                _unless_failed(by_count[CONNECTIONS[-1]], f"{by_count[CONNECTIONS[-1]].client_us:.0f}"),
            ]
            for name, by_count in _by_server(served).items()
        ],
    )


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)
    app.command()(run)
    app()
