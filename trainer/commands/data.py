"""Commands that look at data or bring it: profile, collect, fetch."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from trainer.commands.options import AsJson, DataFile, Labels, Texts
from trainer.settings import Settings

app = typer.Typer()


@app.command()
def profile(
    data: DataFile,
    text_column: Texts = "text",
    label_column: Labels = "label",
    as_json: AsJson = False,  # noqa: FBT002
) -> None:
    """Say what is in a file: rows, labels, lengths, languages, repeats; and what to mend."""
    from trainer import report
    from trainer.data.files import Columns, read
    from trainer.data.profile import profile as profile_of
    from trainer.data.rows import digest

    file = read(data, Columns(text_column, label_column))
    if not file.rows:
        from trainer.errors import BadData

        raise BadData(f"{file.name}: there are no rows")
    found = profile_of(file.rows)
    digests = {"file_sha256": file.sha256, "rows_sha256": digest(file.rows)}
    if as_json:
        typer.echo(json.dumps({"file": file.name, **digests, **found.to_dict()}, ensure_ascii=False))
    else:
        report.print_profile(found, file.name, digests, Console())


@app.command()
def collect(
    context: typer.Context,
    out: Annotated[Path, typer.Argument(help="JSONL file to bring up to date, or to make.")],
    url: Annotated[str, typer.Option(help="Where the service answers.")] = "http://127.0.0.1:8000",
) -> None:
    """Bring a file of texts with their true labels up to date, from the feedback that the service has.

    The service keeps predictions for a day, so run it daily. TRAINER_API_KEY is a key with the scope 'read'.
    """
    from trainer.data.feedback import collect as collect_feedback

    settings: Settings = context.obj
    new, changed = collect_feedback(url, settings.api_key.get_secret_value(), out)
    typer.echo(f"{out}: {new} new rows, {changed} with another label than before")


@app.command()
def fetch(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Data set on the Hugging Face hub, such as stanfordnlp/imdb.")],
    out: Annotated[Path, typer.Argument(help="Parquet file to write, with columns text and label.")],
    split: Annotated[str, typer.Option(help="Which part of the data set.")] = "train",
    config: Annotated[str, typer.Option(help="Which variant of the data set.")] = "default",
    text_column: Texts = "text",
    label_column: Labels = "label",
) -> None:
    """Fetch a data set from the Hugging Face hub into a file."""
    from trainer.data.files import Columns
    from trainer.data.hub import fetch as fetch_from_hub

    settings: Settings = context.obj
    rows = fetch_from_hub(settings.hub, name, config, split, Columns(text_column, label_column), out)
    typer.echo(f"{out}: {rows} rows")
