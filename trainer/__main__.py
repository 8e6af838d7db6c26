"""The trainer's command line: settings are read here, errors become exit codes here.

Heavy imports wait inside the commands, so that --help answers at once.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import typer.core
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from contract.registry import CHAMPION, DEFAULT_MODEL
from telemetry import supervisor
from trainer import environment, manners
from trainer.commands import comparing, data, judging, operating
from trainer.commands.options import Feedback, Labels, Lessons, Model, Texts, pairs, registry_of
from trainer.errors import TrainerError
from trainer.logging import configure
from trainer.settings import Settings

if TYPE_CHECKING:
    from trainer.training import Outcome, Request


EXAMPLES = """
Examples:

python -m trainer train tfidf --data reviews.csv --text-column review --label-column sentiment

python -m trainer train bert --data reviews.csv --set base=models/minilm --set epochs=2

torchrun --standalone --nproc-per-node 2 -m trainer train bert --data reviews.csv

python -m trainer compare reviews.csv --family tfidf --family bert --optimise f1 --max-p99 20ms

python -m trainer evaluate new.jsonl --version 3 --json

python -m trainer promote 7 --without-shadow "there is no traffic yet"

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
        settings = Settings(**supervisor.credentials())
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
    family: Annotated[str, typer.Argument(help="Model family: tfidf, bilstm or bert.")],
    data: Annotated[Path, typer.Option(help="Labelled texts: .csv, .tsv, .jsonl or .parquet, in UTF-8.")],
    options: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="An option of the family; a wrong name lists them."),
    ] = None,
    text_column: Texts = "text",
    label_column: Labels = "label",
    model: Model = DEFAULT_MODEL,
    seed: Annotated[int, typer.Option(help="Same data and seed, same model.", min=0, max=2**32 - 1)] = 0,
    evaluation: Annotated[
        Path | None, typer.Option(help="A file to measure on, instead of holding back a part of DATA.")
    ] = None,
    promote: Annotated[bool, typer.Option(help="Let the version serve if the gate passes it.")] = True,  # noqa: FBT002
    lessons: Lessons = False,  # noqa: FBT002
    feedback: Feedback = None,
) -> None:
    """Train FAMILY on a file, register the model, and let it serve if it proves better than the champion.

    A training that is cut off goes on when it is asked for again.
    """
    settings: Settings = context.obj
    manners.stand_back(settings.nice, settings.threads)
    from trainer.data.files import Columns, read
    from trainer.training import Request, assist

    request = Request(
        data=data,
        evaluation=evaluation,
        columns=Columns(text_column, label_column),
        told=read(feedback, Columns()) if feedback else None,
        family=family,
        options=pairs(options or []),
        checkpoints=settings.checkpoints,
        model=model,
        seed=seed,
        promote=promote,
        lessons=lessons,
    )
    # Set by torchrun: of its processes the first trains, judges and registers, the others help it train.
    with _stoppable():
        if int(os.environ.get("RANK", "0")):
            assist(request)
        else:
            _train(request, settings)


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
    from trainer import report, telling
    from trainer.promoting import train as run_training

    with telling.told(settings) as exit, _progress() as shown:
        story = telling.Telling(exit, request)
        with story.operation():
            outcome = run_training(request, registry_of(request.model), settings, shown, shown.learning)
        story.finished(outcome)
    report.print_outcome(outcome, Console())
    return outcome


@contextmanager
def _stoppable() -> Iterator[None]:
    """Take SIGTERM as Ctrl-C: the run is closed as failed, and what was learnt so far is said to be kept."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt as error:
        typer.echo("stopped: the same command goes on from the last checkpoint, if there is one", err=True)
        raise typer.Exit(130) from error
    finally:
        signal.signal(signal.SIGTERM, before)


class _Shown:
    """The present step, the share of it that is done where that is known, and the time."""

    def __init__(self, bar: Progress) -> None:
        self._bar, self._task = bar, bar.add_task("starting", total=None)

    def __call__(self, step: str) -> None:
        self._bar.update(self._task, description=step, total=None)

    def learning(self, words: str, share: float) -> None:
        self._bar.update(self._task, description=words, total=1.0, completed=share)


@contextmanager
def _progress() -> Iterator[_Shown]:
    """Show what is being done at a terminal; elsewhere show nothing."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield _Shown(progress)


if __name__ == "__main__":
    app()
