"""Commands about registered versions: evaluate, promote, rollback, history."""

import json
from typing import Annotated

import typer
from rich.console import Console

from contract.registry import CHAMPION, DEFAULT_MODEL
from trainer.commands.options import AsJson, DataFile, Labels, Model, Texts, operator, registry_of, steps
from trainer.errors import BadRequest, PromotionRefused

app = typer.Typer()


@app.command()
def evaluate(
    data: DataFile,
    version: Annotated[str | None, typer.Option(help="A registered version.", show_default=False)] = None,
    alias: Annotated[
        str | None, typer.Option(help="An alias, champion by default.", show_default=False)
    ] = None,
    text_column: Texts = "text",
    label_column: Labels = "label",
    model: Model = DEFAULT_MODEL,
    worst: Annotated[
        int,
        typer.Option(
            help="Also list so many rows with the surest wrong answers, without their texts.", min=0
        ),
    ] = 0,
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Measure a registered version on a labelled file: figures, slices, behaviour."""
    from trainer import report
    from trainer.data.files import Columns
    from trainer.measuring import measure
    from trainer.preparing import load

    if version is not None and alias is not None:
        raise BadRequest("a version and an alias were given: give one of them")
    registry = registry_of(model)
    number = version or registry.resolve(alias or CHAMPION)
    with steps() as step:
        step("reading")
        source = load(data, Columns(text_column, label_column))
        step("evaluating")
        measured = measure(registry, number, source, worst=worst)
    if as_json:
        found = {"model": model, "version": number, **measured.to_dict()}
        typer.echo(json.dumps(found, ensure_ascii=False))
    else:
        report.print_left_out(source, Console())
        report.print_measured(measured, f"{model} version {number} on {data.name}", Console())


@app.command()
def promote(
    context: typer.Context,
    version: Annotated[str, typer.Argument(help="The version that shall serve.")],
    model: Model = DEFAULT_MODEL,
    force: Annotated[bool, typer.Option(help="Even though the gate has not passed it.")] = False,  # noqa: FBT002
    reason: Annotated[str, typer.Option(help="Why; kept in the trail. Needed with --force.")] = "",
) -> None:
    """Let a version serve, if the gate has passed it."""
    from trainer import telling

    if force and not reason.strip():
        raise BadRequest("--force needs --reason: say why, the trail keeps it")
    registry = registry_of(model)
    candidate = registry.version(version)
    if candidate.gate != "passed" and not force:
        said = "; ".join(candidate.gate_reasons) or "it has not been judged"
        raise PromotionRefused(
            f"the gate has not passed version {version}: {said}. --force --reason TEXT overrides"
        )
    with telling.told(context.obj):
        registry.promote(version, by=operator(), why=reason or "the gate had passed it")
    typer.echo(f"version {version} of {model} is the champion")


@app.command()
def rollback(
    context: typer.Context,
    model: Model = DEFAULT_MODEL,
    reason: Annotated[str, typer.Option(help="Why; kept in the trail.")] = "rolled back by hand",
) -> None:
    """Let the previous version serve again; a second rollback undoes the first."""
    from trainer import telling

    with telling.told(context.obj):
        left, entered = registry_of(model).rollback(by=operator(), why=reason)
    typer.echo(f"version {entered} of {model} is the champion again, version {left} the previous one")


@app.command()
def history(model: Model = DEFAULT_MODEL, as_json: AsJson = False) -> None:  # noqa: FBT002
    """Show who moved which alias, when and why; oldest first."""
    from trainer import report

    trail = registry_of(model).trail()
    if as_json:
        typer.echo(json.dumps(trail, ensure_ascii=False))
    else:
        report.print_trail(trail, Console())
