"""How fast one worker empties a full queue, Barometer's and others', and what that costs Redis.

``python -m benchmarks.drain``
"""

import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from itertools import cycle, islice
from typing import Annotated

import typer

from benchmarks import machine, plot, processes, redis_server, registry, report
from benchmarks.contenders import CONTENDERS, OURS, Contender
from benchmarks.draining import Drained, drain
from benchmarks.latency import LONGEST, SHORTEST
from benchmarks.registry import Model
from benchmarks.rows import STARTER, read

#: Fewer jobs than this say nothing.
FEWEST = 100
#: Where a worker and its Redis are pinned to one core, it is this one.
CORE = 0
HEAD = (
    "queue", "jobs", "jobs/s", "Barometer / this", "pinned", "round trips", "commands", "Redis µs",
    "bytes queued", "bytes done",
)  # fmt: skip


def run(
    jobs: Annotated[int, typer.Option(min=FEWEST, help="For Barometer; slow peers get fewer.")] = 20_000,
    rounds: Annotated[int, typer.Option(min=1, help="The median of so many.")] = 3,
    model: Annotated[
        list[str], typer.Option(help="noop, lr, bilstm or bert; may be given several times.")
    ] = [  # noqa: B006
        "noop",
        "lr",
    ],
    only: Annotated[str, typer.Option(help="Only queues whose name has this in it, and Barometer.")] = "",
) -> None:
    """Drain queues of one-text jobs with one worker each, once free and once on one core with Redis.

    Examples:

    - `python -m benchmarks.drain`
    - `python -m benchmarks.drain --jobs 2000 --rounds 1 --model noop --only RQ`
    """
    processes.stop_on_sigterm()
    here = machine.here()
    contenders = [one for one in CONTENDERS.values() if one is OURS or only in one.name]
    texts = [row.text for row in read(STARTER) if SHORTEST <= len(row.text.split()) <= LONGEST]
    drained: list[Drained] = []
    with registry.started(*model) as models:
        for one in models:
            labels = dict(zip(texts, one.labels(texts), strict=True))
            for number in range(rounds):
                print(f"{one.short_name}, round {number + 1} of {rounds}", file=sys.stderr)
                drained += _round(contenders, one, list(islice(cycle(texts), jobs)), labels)
    best = {name: list(_best(drained, name).values()) for name in model}
    tables = [f"{name}\n\n{_table(rows)}" for name, rows in best.items()]
    figures = {
        "redis": redis_server.installed(),
        "best": [asdict(one) for rows in best.values() for one in rows],
        "rounds": [asdict(one) for one in drained],
    }
    report.write("drain", here, tables, figures)
    plot.drain(best, report.RESULTS / "drain.svg")


def _round(
    contenders: Sequence[Contender], model: Model, texts: Sequence[str], labels: Mapping[str, str]
) -> list[Drained]:
    done = []
    for contender in contenders:
        some = texts[: max(FEWEST, int(len(texts) * contender.share))]
        for core in (None, CORE):
            done.append(drain(contender, model, some, labels, core))
            where = "on one core" if core is not None else "free"
            print(f"  {contender.name}, {where}: {done[-1].rate:,.0f} jobs/s", file=sys.stderr)
    return done


def _best(drained: Sequence[Drained], model: str) -> dict[str, Drained]:
    """Return for each queue the median of its rounds, free or on one core, whichever was faster."""
    medians = {}
    for one in drained:
        if one.model == model:
            alike = [
                other for other in drained
                if (other.contender, other.model, other.pinned) == (one.contender, one.model, one.pinned)
            ]  # fmt: skip
            medians[one.contender, one.pinned] = _median(alike)
    best: dict[str, Drained] = {}
    for (name, _), one in medians.items():
        best[name] = max(one, best.get(name, one), key=lambda either: either.rate)
    return best


def _median(alike: Sequence[Drained]) -> Drained:
    """Return the median of every figure."""
    figures = ("rate", "round_trips", "commands", "redis_us", "queued_bytes", "done_bytes")
    return replace(
        alike[0], **{name: statistics.median(getattr(one, name) for one in alike) for name in figures}
    )


def _table(rows: Sequence[Drained]) -> str:
    ours = next(one for one in rows if one.contender == OURS.name)
    return report.table(
        HEAD,
        [
            [
                one.contender, f"{one.jobs:,}", f"{one.rate:,.0f}", f"{ours.rate / one.rate:.1f}",
                "yes" if one.pinned else "", f"{one.round_trips:.2f}", f"{one.commands:.1f}",
                f"{one.redis_us:.0f}", f"{one.queued_bytes:,.0f}", f"{one.done_bytes:,.0f}",
            ]
            for one in rows
        ],
    )  # fmt: skip


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)
    app.command()(run)
    app()
