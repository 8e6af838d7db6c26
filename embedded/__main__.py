"""``python -m embedded``: all of Barometer on this machine, in this terminal."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from embedded.errors import EmbeddedError, PartFailed
from embedded.logging import configure
from embedded.settings import Settings
from embedded.terminal import Terminal

app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)


@app.command()
def run(
    port: Annotated[int | None, typer.Option(help="Where the gateway listens.  [default: 8000]")] = None,
    host: Annotated[str | None, typer.Option(help="On which address.  [default: 127.0.0.1]")] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder for all that must survive.  [default: .barometer]")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="How many worker processes.  [default: 1]")] = None,
) -> None:
    """Run Redis, MLflow, gateway, worker and monitoring, and train a first champion if there is none.

    The environment wins over the options:

    - `REDIS_URL`, `MLFLOW_TRACKING_URI`: servers of your own; ours are not started then
    - `GATEWAY_HOST`, `GATEWAY_PORT`, `EMBEDDED_DATA`, `EMBEDDED_WORKERS`: as the options
    - `EMBEDDED_MLFLOW_PORT`: where our MLflow listens (the next free port from 5000)
    - `EMBEDDED_LOG_LEVEL` (INFO), `NO_COLOR`
    - whatever the services read: they get this environment

    Examples:

    - `python -m embedded`
    - `python -m embedded --port 8001 --data /srv/barometer --workers 2`
    - `REDIS_URL=redis://10.0.0.5 python -m embedded`

    Ctrl-C stops everything in order; a second Ctrl-C kills at once.
    """
    settings = _settings({"port": port, "host": host, "data": data, "workers": workers})
    terminal = Terminal.on(sys.stderr, os.environ)
    configure(settings.log_level, terminal)
    from embedded.children import Surroundings
    from embedded.launcher import launch  # Redis and HTTP clients, kept out of --help

    try:
        launch(settings, Surroundings(os.environ, (), terminal.show))
    except EmbeddedError as error:
        _complain(error)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        # Before the first process was started: there is nothing to stop.
        raise typer.Exit(0) from None


def _settings(options: dict[str, Any]) -> Settings:
    """Return the settings, or exit with a line for each value that cannot be used."""
    try:
        return Settings.under_environment({k: v for k, v in options.items() if v is not None})
    except ValidationError as error:
        for problem in error.errors():
            print(f"barometer: {'.'.join(map(str, problem['loc']))}: {problem['msg']}", file=sys.stderr)
        raise typer.Exit(2) from None


def _complain(error: EmbeddedError) -> None:
    if isinstance(error, PartFailed):
        for line in error.tail:
            print(f"    {line}", file=sys.stderr)
    print(f"barometer: {error}", file=sys.stderr)


if __name__ == "__main__":
    app()
