"""How many predictions a second over HTTP, one text a request, and how long each takes: Barometer and others.

``python -m benchmarks.serving``
"""

import json
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import client, machine, plot, processes, redis_server, registry, report
from benchmarks.client import Load, Measured
from benchmarks.latency import LONGEST, SHORTEST
from benchmarks.registry import Model
from benchmarks.rows import STARTER, read
from benchmarks.servers import OURS, SERVERS, Server, started

#: Different texts that are sent, in turn.
TEXTS = 500
CONNECTIONS = (1, 16, 64, 256)
#: More requests than any server answers in the time it gets.
ENDLESS = 10**9


class Chosen(StrEnum):
    """A model that can be served."""

    LR = "lr"
    BERT = "bert"


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One server under one load."""

    server: str
    durable: bool
    connections: int
    rate: float
    p50_ms: float
    p99_ms: float
    client_us: float


def run(
    model: Annotated[
        Chosen, typer.Option(help="What is served: lr, or one of BERT-base's size.")
    ] = Chosen.LR,
    rounds: Annotated[int, typer.Option(min=1, help="The median of so many.")] = 3,
    seconds: Annotated[float, typer.Option(min=0.1, help="For each server and number of clients.")] = 8,
    only: Annotated[str, typer.Option(help="Only servers whose name has this in it, and Barometer.")] = "",
) -> None:
    """Put 1, 16, 64 and 256 clients on each server, one request after the other on each connection.

    Examples:

    - `python -m benchmarks.serving`
    - `python -m benchmarks.serving --rounds 1 --seconds 2 --only in-process`
    - `python -m benchmarks.serving --model bert`
    """
    processes.stop_on_sigterm()
    here = machine.here()
    servers = [one for one in SERVERS.values() if one is OURS or only in one.name]
    rows = [row.text for row in read(STARTER) if SHORTEST <= len(row.text.split()) <= LONGEST]
    texts = rows[:TEXTS]
    served: list[Served] = []
    with registry.started(model.value) as (chosen,):
        labels = chosen.labels(texts)
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
            for server in servers:
                served += _measure(server, chosen, texts, labels, seconds)
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


def _measure(
    server: Server, model: Model, texts: Sequence[str], labels: Sequence[str], seconds: float
) -> list[Served]:
    with (
        tempfile.TemporaryDirectory(prefix="barometer-") as folder,
        started(server, model, Path(folder)) as url,
    ):
        asked = Load(
            url=url,
            connections=16,
            requests=len(texts),
            warm_up=0,
            bodies=[json.dumps({"input": {"text": text}}) for text in texts],
            labels=list(labels) if server.answers else [],
            tolerance=model.tolerance,
        )
        # Also waits for workers that are still loading the model: a request waits in the queue.
        client.run(asked)
        done = []
        for connections in CONNECTIONS:
            load = replace(
                asked, connections=connections, requests=ENDLESS, warm_up=2 * connections, seconds=seconds
            )
            done.append(_served(server, connections, client.run(load)))
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
    """Return one of each server and number of clients, with the median of every figure."""
    alike: dict[tuple[str, int], list[Served]] = {}
    for one in served:
        alike.setdefault((one.server, one.connections), []).append(one)
    return [
        Served(
            server=name, durable=some[0].durable, connections=connections,
            rate=statistics.median(one.rate for one in some),
            p50_ms=statistics.median(one.p50_ms for one in some),
            p99_ms=statistics.median(one.p99_ms for one in some),
            client_us=statistics.median(one.client_us for one in some),
        )
        for (name, connections), some in alike.items()
    ]  # fmt: skip


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
                *(f"{by_count[count].rate:,.0f}" for count in CONNECTIONS),
                *(f"{ours[count].rate / by_count[count].rate:.2f}" for count in CONNECTIONS),
            ]
            for name, by_count in servers.items()
        ],
    )  # fmt: skip


def _latencies(served: Sequence[Served]) -> str:
    return report.table(
        ["p50 / p99 ms, by clients", *map(str, CONNECTIONS), "client's CPU, µs a request"],
        [
            [
                name,
                *(f"{by_count[count].p50_ms:.1f} / {by_count[count].p99_ms:.1f}" for count in CONNECTIONS),
                f"{by_count[CONNECTIONS[-1]].client_us:.0f}",
            ]
            for name, by_count in _by_server(served).items()
        ],
    )


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)
    app.command()(run)
    app()
