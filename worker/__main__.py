"""``python -m worker``: answer predictions with the champion."""

import sys

import typer
from pydantic import ValidationError

from worker.logging import configure
from worker.settings import Settings

app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)


@app.command()
def run() -> None:
    """Claim predictions in batches, answer them with the registry's champion, commit the results.

    Settings come from the environment:

    - `REDIS_URL` (redis://127.0.0.1:6379/0; also rediss:// and unix://)
    - `MLFLOW_TRACKING_URI` (http://127.0.0.1:5000)
    - `WORKER_MODEL` (sentiment), the registered model, and so the queue
    - `WORKER_BATCH_SIZE` (64), `WORKER_ALIAS_POLL` (PT2S), `WORKER_LOG_LEVEL` (INFO)

    Examples:

    - `python -m worker`
    - `REDIS_URL=redis://10.0.0.5 WORKER_MODEL=sentiment python -m worker`

    SIGTERM finishes the batch in hand and exits.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        for problem in error.errors():
            print(f"worker: {problem['loc'][0]}: {problem['msg']}", file=sys.stderr)
        raise typer.Exit(2) from None
    configure(settings.log_level)
    from worker.service import run as work  # the heavy part, kept out of --help

    work(settings)


if __name__ == "__main__":
    app()
