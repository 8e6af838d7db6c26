"""Commands that run the service and look after it: work, retrain, doctor."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from contract.registry import DEFAULT_MODEL
from trainer.commands.options import Feedback, Labels, Lessons, Model, Texts, pairs
from trainer.settings import Settings

app = typer.Typer()


@app.command()
def work(context: typer.Context) -> None:
    """Wait for training jobs on the queue, and run them one at a time."""
    from trainer.work import run

    settings: Settings = context.obj
    run(settings.redis_url, settings.checkpoints)


@app.command()
def tidy(context: typer.Context) -> None:
    """End the MLflow runs of trainings on this host that were killed; their checkpoints stay.

    The trainer service does this when it starts, when a training of its own was killed, and before each one.
    """
    from trainer import unfinished

    settings: Settings = context.obj
    ended = unfinished.tidy(settings.checkpoints)
    typer.echo(f"{len(ended)} runs ended" + "".join(f"\n{run}" for run in ended))


@app.command()
def retrain(
    context: typer.Context,
    family: Annotated[str, typer.Argument(help="Model family: tfidf, bilstm or bert.")],
    data: Annotated[Path, typer.Option(help="Labelled texts, as the trainer's host finds them.")],
    options: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="An option of the family.")
    ] = None,
    evaluation: Annotated[Path | None, typer.Option(help="A file to measure on.")] = None,
    text_column: Texts = "text",
    label_column: Labels = "label",
    model: Model = DEFAULT_MODEL,
    seed: Annotated[int, typer.Option(help="Same data and seed, same model.", min=0, max=2**32 - 1)] = 0,
    promote: Annotated[bool, typer.Option(help="Let the version serve if the gate passes it.")] = True,  # noqa: FBT002
    lessons: Lessons = False,  # noqa: FBT002
    feedback: Feedback = None,
) -> None:
    """Queue a training for the trainer service, unless one of this model waits or runs already."""
    from trainer.jobs import Arguments
    from trainer.work import enqueue

    settings: Settings = context.obj
    # Absolute: the service runs in a folder of its own.
    wanted = Arguments(
        data=data.absolute(),
        evaluation=evaluation.absolute() if evaluation else None,
        family=family, options={**pairs(options or [])}, text_column=text_column, label_column=label_column,
        model=model, seed=seed, promote=promote, lessons=lessons,
        feedback=feedback.absolute() if feedback else None,
    )  # fmt: skip
    job = enqueue(settings.redis_url, wanted)
    typer.echo(f"queued as {job}: 'rq info' shows it, 'python -m trainer work' runs it")


@app.command()
def doctor(context: typer.Context, model: Model = DEFAULT_MODEL) -> None:
    """Look whether everything that training needs is there, and say what to do about what is not."""
    from trainer import report
    from trainer.doctor import examine

    findings = examine(context.obj, model)
    report.print_findings(findings, Console())
    if any(finding.is_fatal for finding in findings):
        raise typer.Exit(1)
