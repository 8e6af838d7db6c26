"""How long one prediction takes, beside what the model and HTTP alone cost; and how many a second.

``python -m benchmarks.latency``
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Annotated

import typer

from benchmarks import client, direct, machine, report, service
from benchmarks.client import Load, Measured
from benchmarks.rows import STARTER, read

#: Words of a text.
SHORTEST, LONGEST = 10, 30
WARM_UP, REQUESTS = 50, 500
#: Connections, and how many requests: some seconds of work.
CROWDS = ((16, 6_000), (64, 10_000))

ALONE, LIVEZ, MODEL = "one prediction, `Prefer: wait`", "`GET /livez`", "the model called directly"

Round = Measured | direct.Said


def run(
    url: Annotated[str | None, typer.Option(help="A running, idle service; else one is started.")] = None,
    mlflow: Annotated[str, typer.Option(help="With --url: its MLflow, to call the model directly.")] = "",
    rounds: Annotated[int, typer.Option(min=1, help="The quietest of so many counts.")] = 3,
) -> None:
    """Measure an idle service: one request at a time, then 16 and 64 at once.

    Examples:

    - `python -m benchmarks.latency`
    - `python -m benchmarks.latency --url http://127.0.0.1:8000 --mlflow http://127.0.0.1:5000`
    """
    here = machine.here()
    running = nullcontext(service.Service(api=url.rstrip("/"), mlflow=mlflow)) if url else service.started()
    with running as place:
        taken = {name: repeat(name, rounds, once) for name, once in measurements(place).items()}
    figures = {name: [one.summary() for one in all_rounds] for name, all_rounds in taken.items()}
    report.write("latency", here, tables(taken), {"rounds": figures})


def measurements(place: service.Service) -> dict[str, Callable[[], Round]]:
    """Return what is measured, by name, each as a function that does it once."""
    texts = [row.text for row in read(STARTER) if SHORTEST <= len(row.text.split()) <= LONGEST][:2_000]
    bodies = [json.dumps({"input": {"text": text}}, ensure_ascii=False) for text in texts]

    def load(path: str, bodies: list[str], connections: int, requests: int) -> Callable[[], Measured]:
        asked = Load(
            url=place.api + path, connections=connections, requests=requests, warm_up=WARM_UP, bodies=bodies
        )
        return lambda: client.run(asked)

    found: dict[str, Callable[[], Round]] = {
        ALONE: load("/v1/predictions", bodies, 1, REQUESTS),
        LIVEZ: load("/livez", [""], 1, REQUESTS),
    }
    if place.mlflow:
        found[MODEL] = lambda: direct.ask(place.mlflow, texts[:REQUESTS])
    return found | {
        str(connections): load("/v1/predictions", bodies, connections, requests)
        for connections, requests in CROWDS
    }


def repeat(name: str, rounds: int, once: Callable[[], Round]) -> list[Round]:
    """Measure again and again, and say how it goes."""
    done: list[Round] = []
    for number in range(1, rounds + 1):
        done.append(once())
        print(f"{name}, round {number} of {rounds}: p50 {done[-1].p50:.2f} ms", file=sys.stderr)
    return done


def tables(taken: Mapping[str, Sequence[Round]]) -> list[str]:
    """Return the two tables, of the round with the lowest median of each measurement."""
    best = {name: min(rounds, key=lambda one: one.p50) for name, rounds in taken.items()}
    alone = best[ALONE]
    one = report.table(
        ["one at a time", "p50 ms", "p99 ms", "prediction / this (p50)"],
        [
            [name, f"{best[name].p50:.2f}", f"{best[name].p99:.2f}", f"{alone.p50 / best[name].p50:.1f}"]
            for name in (ALONE, LIVEZ, MODEL)
            if name in best
        ],
    )
    crowds = {"1": alone, **{str(connections): best[str(connections)] for connections, _ in CROWDS}}
    many = report.table(
        ["clients", "predictions/s", "p50 ms", "p99 ms", "client's CPU, µs a request"],
        [
            [name, f"{m.rate:,.0f}", f"{m.p50:.1f}", f"{m.p99:.1f}", f"{m.client_us:.0f}"]
            for name, m in crowds.items()
            if isinstance(m, Measured)
        ],
    )
    return [one, many]


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)
    app.command()(run)
    app()
