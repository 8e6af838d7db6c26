"""Commands that set models side by side or make one again: compare, reproduce."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from contract.registry import DEFAULT_MODEL
from trainer import manners
from trainer.commands.options import DataFile, Labels, Lessons, Model, Texts, pairs, registry_of, steps
from trainer.errors import BadRequest
from trainer.settings import Settings

if TYPE_CHECKING:
    from trainer.comparison.recommending import Goal

app = typer.Typer()


def seconds(said: str) -> float:
    """Read a duration such as ``20ms`` or ``1.5s``."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s)", said)
    if found is None:
        raise BadRequest(f"'{said}' is no duration: say 20ms or 1.5s")
    return float(found[1]) / (1000 if found[2] == "ms" else 1)


def size(said: str) -> int:
    """Read a number of bytes such as ``512MB`` or ``2GiB``."""
    from pydantic import ByteSize, TypeAdapter, ValidationError

    try:
        return int(TypeAdapter(ByteSize).validate_python(said))
    except ValidationError as error:
        raise BadRequest(f"'{said}' is no size: say 512MB or 2GiB") from error


@app.command()
def compare(
    context: typer.Context,
    data: DataFile,
    family: Annotated[
        list[str] | None, typer.Option(help="A family to train on DATA; may be given several times.")
    ] = None,
    options: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FAMILY.NAME=VALUE", help="An option of a family: bert.epochs=2."),
    ] = None,
    version: Annotated[
        list[str] | None, typer.Option(help="A registered version or alias; may be given several times.")
    ] = None,
    evaluation: Annotated[
        Path | None, typer.Option(help="A file to measure on, instead of holding back a part of DATA.")
    ] = None,
    text_column: Texts = "text",
    label_column: Labels = "label",
    model: Model = DEFAULT_MODEL,
    seeds: Annotated[int, typer.Option(help="Train each family with so many seeds.", min=1, max=20)] = 1,
    curve: Annotated[bool, typer.Option(help="Also train on 1, 3, 10 and 30 % of the rows.")] = True,  # noqa: FBT002
    lessons: Lessons = False,  # noqa: FBT002
    optimise: Annotated[
        str, typer.Option(help="f1, accuracy, calibration, p99, throughput, memory or size.")
    ] = "f1",
    max_p99: Annotated[str | None, typer.Option(help="Of one text, such as 20ms.")] = None,
    max_memory: Annotated[str | None, typer.Option(help="Such as 512MB.")] = None,
    max_size: Annotated[str | None, typer.Option(help="On disk, such as 100MB.")] = None,
    min_f1: Annotated[float | None, typer.Option(help="Macro-F1 at least.", min=0, max=1)] = None,
    price_per_hour: Annotated[float, typer.Option(help="Of the machine, for the cost of a million.")] = 0.05,
    out: Annotated[Path, typer.Option(help="The report.")] = Path("comparison.html"),
) -> None:
    """Measure families and versions on the same rows; write one page and recommend one of them.

    Nothing is trained but the families that are named, and nothing is registered or promoted. One that is cut
    off goes on when it is asked for again.
    """
    goal = _goal(optimise, max_p99, max_memory, max_size, min_f1)
    settings: Settings = context.obj
    manners.stand_back(settings.nice, settings.threads)
    from trainer.comparison.comparing import Request
    from trainer.comparison.comparing import compare as run
    from trainer.comparison.page import page
    from trainer.data.files import Columns

    request = Request(
        data=data, evaluation=evaluation, columns=Columns(text_column, label_column), model=model,
        families=tuple(family or ()), options=_by_family(options or []), versions=tuple(version or ()),
        seeds=seeds, curve=curve, lessons=lessons,
        goal=goal, price_per_hour=price_per_hour,
        checkpoints=settings.checkpoints,
    )  # fmt: skip
    with steps() as step:
        comparison, run_id = run(request, registry_of(model), step)
    out.write_text(page(comparison), "utf-8")
    from trainer import report

    report.print_comparison(comparison, Console())
    typer.echo(f"the report is {out}, and an artefact of the MLflow run {run_id}")


@app.command()
def reproduce(
    run: Annotated[str, typer.Argument(help="Id of the MLflow run of a training.")],
    data: Annotated[Path, typer.Option(help="The file it was trained on: its rows must be the same.")],
    evaluation: Annotated[
        Path | None, typer.Option(help="The file it was measured on, if one was named.")
    ] = None,
    text_column: Texts = "text",
    label_column: Labels = "label",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,  # noqa: FBT002
) -> None:
    """Train again what a run has trained, and compare metrics and scores. Nothing is registered."""
    from trainer import report
    from trainer.data.files import Columns
    from trainer.reproducing import reproduce as train_again

    with steps() as step:
        found = train_again(run, data, evaluation, Columns(text_column, label_column), step)
    if as_json:
        typer.echo(json.dumps(found.to_dict(), ensure_ascii=False))
    else:
        report.print_reproduction(found, Console())
    if not found.is_same:
        raise typer.Exit(1)


def _by_family(given: list[str]) -> dict[str, dict[str, str]]:
    """Return the options of each family."""
    found: dict[str, dict[str, str]] = {}
    for name, value in pairs(given).items():
        family, dot, option = name.partition(".")
        if not dot:
            raise BadRequest(f"--set {name} names no family: write --set bert.{name}={value}")
        found.setdefault(family, {})[option] = value
    return found


def _goal(
    optimise: str, max_p99: str | None, max_memory: str | None, max_size: str | None, min_f1: float | None
) -> "Goal":
    # Before the import, which takes seconds: a wrong unit is told at once.
    limits = (
        None if max_p99 is None else seconds(max_p99),
        None if max_memory is None else size(max_memory),
        None if max_size is None else size(max_size),
    )
    from trainer.comparison.recommending import Aim, Goal

    try:
        aim = Aim(optimise)
    except ValueError:
        raise BadRequest(f"'{optimise}' is nothing to optimise; there are: {', '.join(Aim)}") from None
    return Goal(aim=aim, max_p99_s=limits[0], max_memory=limits[1], max_size=limits[2], min_f1=min_f1)
