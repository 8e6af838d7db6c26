"""Arguments and options that several commands take, and what they make of them."""

import getpass
import platform
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from trainer.errors import BadRequest

if TYPE_CHECKING:
    from trainer.registry import Registry

Model = Annotated[str, typer.Option("--model", help="Name of the registered model.")]
Texts = Annotated[str, typer.Option("--text-column", help="Column that holds the texts.")]
Labels = Annotated[str, typer.Option("--label-column", help="Column that holds the labels.")]
DataFile = Annotated[Path, typer.Argument(help="Labelled texts: .csv, .tsv, .jsonl or .parquet, in UTF-8.")]
Lessons = Annotated[
    bool,
    typer.Option("--lessons", help="Also train on sentences that teach negation and 'not bad'; English."),
]
Feedback = Annotated[
    Path | None, typer.Option(help="A file that `collect` made: learnt from and measured on, beside DATA.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def pairs(given: Iterable[str]) -> dict[str, str]:
    """Return ``NAME=VALUE`` arguments as names and values."""
    found = [one.partition("=") for one in given]
    for name, equals, _ in found:
        if not equals:
            raise BadRequest(f"--set {name} says no value: write --set {name}=VALUE")
    return {name: value for name, _, value in found}


def registry_of(model: str) -> "Registry":
    """Return the registered model; imports MLflow."""
    from trainer.registry import Registry

    return Registry(model)


def operator() -> str:
    """Return who asks, as the trail names them: ``user@host``."""
    return f"{getpass.getuser()}@{platform.node()}"


@contextmanager
def steps() -> Iterator[Callable[[str], None]]:
    """Show the present step at a terminal; elsewhere show nothing."""
    with Console(stderr=True).status("starting") as status:
        yield status.update
