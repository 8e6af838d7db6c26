"""The trainer's command line: settings are read here, errors become exit codes here.

Heavy imports wait inside the commands, so that --help answers at once.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import typer.core
from pydantic import ValidationError
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from contract.registry import CHAMPION, DEFAULT_MODEL
from trainer import environment
from trainer.commands import comparing, data, judging, operating
from trainer.commands.options import DataFile, Labels, Model, Texts, registry_of
from trainer.errors import TrainerError
from trainer.logging import configure
from trainer.settings import Settings

if TYPE_CHECKING:
    from trainer.training import Outcome, Request, Step


EXAMPLES = """
Examples:

python -m trainer train reviews.csv --text-column review --label-column sentiment

python -m trainer compare reviews.csv --family tfidf --family bert --optimise f1 --max-p99 20ms

python -m trainer evaluate new.jsonl --version 3 --json

python -m trainer promote 7 --force --reason "the new labels are wanted"
"""


class Commands(typer.core.TyperGroup):
    """All commands; what goes wrong in one becomes a sentence and an exit code here."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except TrainerError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(error.exit_code) from error


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

for group in (data, judging, comparing, operating):
    app.registered_commands += group.app.registered_commands


@app.callback(epilog=EXAMPLES)
def prepare(context: typer.Context) -> None:
    """Train, judge and promote the models that Barometer serves."""
    try:
        settings = Settings()
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, part['loc']))}: {part['msg']}" for part in error.errors())
        typer.echo(f"the settings are wrong: {wrong}", err=True)
        raise typer.Exit(2) from error
    # At a terminal the progress line tells the same, and more kindly.
    watched = sys.stderr.isatty() and context.invoked_subcommand != "work"
    configure("WARNING" if watched else settings.log_level)
    environment.prepare(settings.mlflow_tracking_uri)
    context.obj = settings


@app.command()
def train(
    context: typer.Context,
    data: DataFile,
    family: Annotated[str, typer.Option(help="Model family: tfidf.")] = "tfidf",
    text_column: Texts = "text",
    label_column: Labels = "label",
    model: Model = DEFAULT_MODEL,
    seed: Annotated[int, typer.Option(help="Same data and seed, same model.", min=0, max=2**32 - 1)] = 0,
    evaluation: Annotated[
        Path | None, typer.Option(help="A file to measure on, instead of holding back a part of DATA.")
    ] = None,
    promote: Annotated[bool, typer.Option(help="Let the version serve if the gate passes it.")] = True,  # noqa: FBT002
) -> None:
    """Train on DATA, register the model, and let it serve if it proves better than the champion."""
    from trainer.data.files import Columns
    from trainer.training import Request

    _train(
        Request(
            data=data,
            evaluation=evaluation,
            columns=Columns(text_column, label_column),
            family=family,
            model=model,
            seed=seed,
            promote=promote,
        ),
        context.obj,
    )


@app.command()
def starter(context: typer.Context, model: Model = DEFAULT_MODEL) -> None:
    """Train on the packaged corpus, but only if nothing serves yet."""
    from trainer.starter import CORPUS
    from trainer.training import Request

    champion = registry_of(model).aliases().get(CHAMPION)
    if champion is not None:
        typer.echo(f"{model} has a champion already, version {champion}: nothing to do")
        return
    outcome = _train(Request(data=CORPUS, model=model), context.obj)
    if not outcome.promoted:
        typer.echo(f"{model} still has no champion: the gate refused version {outcome.version}", err=True)
        raise typer.Exit(1)


def _train(request: "Request", settings: Settings) -> "Outcome":
    from trainer import report
    from trainer.judging import limits_of
    from trainer.training import train as run_training

    with _progress() as step:
        outcome = run_training(request, registry_of(request.model), limits_of(settings), step)
    report.print_outcome(outcome, Console())
    return outcome


@contextmanager
def _progress() -> Iterator["Step"]:
    """Show the present step and the time at a terminal; elsewhere show nothing."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("starting")
        yield lambda step: progress.update(task, description=step)


if __name__ == "__main__":
    app()
