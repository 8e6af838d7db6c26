"""How much of a model's own speed one worker gets out of a full queue.

``python -m benchmarks.efficiency``
"""

import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import cycle, islice
from typing import Annotated

import typer

from benchmarks import in_process, machine, plot, processes, redis_server, registry, report
from benchmarks.contenders import OURS
from benchmarks.draining import drain
from benchmarks.latency import LONGEST, SHORTEST
from benchmarks.registry import Model
from benchmarks.rows import STARTER, read


class Chosen(StrEnum):
    """A model that can be measured."""

    LR = "lr"
    BILSTM = "bilstm"
    BERT = "bert"


#: One worker drains them in about ten seconds.
JOBS: Mapping[Chosen, int] = {Chosen.LR: 100_000, Chosen.BILSTM: 50_000, Chosen.BERT: 1_000}
#: Every so many-th job's text is in the pass of one batch size: all of them together take two drains.
EVERY = 3


@dataclass(frozen=True, slots=True)
class Turn:
    """One model each way once: ``in_process`` texts a second by batch size, and ``drained`` jobs a second."""

    model: str
    in_process: dict[int, float]
    drained: float


@dataclass(frozen=True, slots=True)
class Efficiency:
    """The medians of one model's turns. ``batch`` is the size at which it was at its best most often."""

    model: str
    jobs: int
    batch: int
    in_process: float
    drained: float
    share: float


def run(
    model: Annotated[
        list[Chosen] | None,
        typer.Option(help="lr, bilstm or bert (these two need the extra `bert`); else all of them."),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="The median of so many.")] = 3,
    part: Annotated[float, typer.Option(min=0.01, max=1, help="The part of the jobs, for a quick look.")] = 1,
) -> None:
    """Compare what one worker makes of a full queue with the best that its model does by itself.

    Examples:

    - `python -m benchmarks.efficiency`
    - `python -m benchmarks.efficiency --model lr --rounds 1 --part 0.1`
    """
    processes.stop_on_sigterm()
    here = machine.here()
    texts = [row.text for row in read(STARTER) if SHORTEST <= len(row.text.split()) <= LONGEST]
    asked = {name.value: list(islice(cycle(texts), int(JOBS[name] * part))) for name in model or Chosen}
    turns: list[Turn] = []
    with registry.started(*asked) as models:
        labels = {one.short_name: _labels(one, asked[one.short_name]) for one in models}
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
            turns += [_turn(one, asked[one.short_name], labels[one.short_name]) for one in models]
    found = [summary([one for one in turns if one.model == name], len(jobs)) for name, jobs in asked.items()]
    figures = {
        "redis": redis_server.installed(),
        "models": [asdict(one) for one in found],
        "rounds": [asdict(one) for one in turns],
    }
    report.write("efficiency", here, [_table(found)], figures)
    plot.efficiency(found, report.RESULTS / "efficiency.svg")


def summary(turns: Sequence[Turn], jobs: int) -> Efficiency:
    """Return the medians; each turn's share is of the same turn's best."""
    bests = [max(turn.in_process, key=lambda batch: turn.in_process[batch]) for turn in turns]
    rates = [turn.in_process[batch] for turn, batch in zip(turns, bests, strict=True)]
    return Efficiency(
        model=turns[0].model,
        jobs=jobs,
        batch=statistics.mode(bests),
        in_process=statistics.median(rates),
        drained=statistics.median(turn.drained for turn in turns),
        share=statistics.median(turn.drained / rate for turn, rate in zip(turns, rates, strict=True)),
    )


def _labels(model: Model, texts: Sequence[str]) -> dict[str, str]:
    different = list(dict.fromkeys(texts))
    return dict(zip(different, model.labels(different), strict=True))


def _turn(model: Model, texts: Sequence[str], labels: Mapping[str, str]) -> Turn:
    alone = in_process.rates(model.folder, texts[::EVERY])
    drained = drain(OURS, model, texts, labels, None).rate
    print(f"  {model.short_name}: {drained:,.0f}/s of {max(alone.values()):,.0f}/s", file=sys.stderr)
    return Turn(model.short_name, alone, drained)


def _table(found: Sequence[Efficiency]) -> str:
    return report.table(
        ["model", "jobs", "in process, texts/s", "at batch", "one worker, jobs/s", "share"],
        [
            [
                plot.MODELS[one.model], f"{one.jobs:,}", f"{one.in_process:,.0f}", str(one.batch),
                f"{one.drained:,.0f}", f"{one.share:.2f}",
            ]
            for one in found
        ],
    )  # fmt: skip


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)
    app.command()(run)
    app()
