"""``python -m benchmarks.overload``: find the capacity, then send twice as much for a minute."""

import asyncio
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import machine, report
from benchmarks.overload import tables
from benchmarks.overload.scene import Options, overload


def run(
    seconds: Annotated[float, typer.Option(min=1, help="How long each overload lasts.")] = 60,
    factor: Annotated[float, typer.Option(min=0.1, help="Times the capacity that was found.")] = 2,
    deadline_s: Annotated[int, typer.Option(min=1, help="`Cancel-After` of every text, seconds.")] = 2,
    queue_limit: Annotated[int, typer.Option(min=100, help="Predictions that may wait.")] = 1_000,
    seed: Annotated[int, typer.Option(help="Of the arrivals.")] = 0,
    results: Annotated[Path, typer.Option(help="Where the report goes.")] = report.RESULTS,
) -> None:
    """Send twice what the service can answer, with a small queue and a deadline for each text.

    One gateway, one worker, once with the starter model (HTTP is the limit), once with a model that takes
    5 ms a text (the worker is). Texts arrive on a Poisson schedule, whatever the answers.

    Examples:

    - `python -m benchmarks.overload`
    - `python -m benchmarks.overload --seconds 10 --factor 4`
    """
    here = machine.here()
    options = Options(
        seconds=seconds, factor=factor, deadline_s=deadline_s, queue_limit=queue_limit, seed=seed
    )
    folder = Path(tempfile.mkdtemp(prefix="barometer-"))
    try:
        scenes = asyncio.run(overload(folder, options))
    finally:
        shutil.rmtree(folder)
    settings = (
        f"{seconds:g} s at {factor:g} times the capacity, Poisson arrivals, seed {seed}; at most "
        f"{queue_limit:,} waiting, `Cancel-After: {deadline_s}s`."
    )
    plots = [f"overload-{number}.svg" for number in range(1, len(scenes) + 1)]
    links = [f"![Memory]({name})" for name in plots]
    report.write(
        "overload", here, [settings, tables.answers_table(scenes), tables.memory_table(scenes), *links],
        {"options": asdict(options), "scenes": [asdict(scene) for scene in scenes]}, results,
    )  # fmt: skip
    for name, scene in zip(plots, scenes, strict=True):
        tables.draw(scene, results / name)


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)
    app.command()(run)
    app()
