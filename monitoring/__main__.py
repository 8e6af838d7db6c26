"""The command line: ``python -m monitoring`` runs the service, ``status`` looks at it."""

import sys
from typing import Annotated

import typer

EXAMPLES = """
Count negative results in a sliding window and raise alerts.

Examples:

  REDIS_URL=redis://127.0.0.1:6379/0 python -m monitoring

  MONITORING_LIMIT=10 MONITORING_WINDOW=PT10M python -m monitoring

  python -m monitoring status
"""

app = typer.Typer(help=EXAMPLES, add_completion=False, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
def run(context: typer.Context) -> None:
    """Run until SIGTERM or Ctrl-C."""
    if context.invoked_subcommand is not None:
        return
    from monitoring import logging, service, settings

    chosen = settings.load()
    logging.configure(chosen.log_level)
    service.run(chosen)


@app.command()
def status() -> None:
    """Print the counts now, the open alerts and the last ten."""
    import redis
    from rich.console import Console

    from monitoring import events, settings, status

    chosen = settings.load()
    with events.connect(chosen.redis_url.get_secret_value()) as client:
        try:
            Console().print(status.report(client, chosen))
        except redis.RedisError as error:
            print(f"Redis does not answer, check REDIS_URL: {error}", file=sys.stderr)
            raise typer.Exit(1) from error


@app.command()
def erase(
    prediction: Annotated[str, typer.Option(help="The id of one prediction.")] = "",
    key: Annotated[str, typer.Option(help="The id of an API key: all that it ever sent.")] = "",
) -> None:
    """Delete from the history what is kept of one prediction, or of one API key up to now.

    Redis forgets a prediction by itself, a day after its end.

    Examples:

      python -m monitoring erase --prediction 01ja8x...

      python -m monitoring erase --key key_01ja8x...
    """
    import redis

    from monitoring import events, settings
    from monitoring.errors import HistoryUnavailable
    from monitoring.history import database
    from monitoring.history.keeping import Erased, History

    if bool(prediction) == bool(key):
        raise typer.BadParameter("say either --prediction or --key")
    chosen = settings.load()
    history = History(database.connect(chosen.database_url.get_secret_value()))
    kind, subject = (Erased.PREDICTION, prediction) if prediction else (Erased.KEY, key)
    try:
        with events.connect(chosen.redis_url.get_secret_value()) as client:
            # Redis' clock: the same that dates the events which are not to come back.
            now = events.now_ms(client)
        history.prepare()
        rows = history.erase(kind, subject, now)
    except (HistoryUnavailable, redis.RedisError) as error:
        print(f"Nothing was erased: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
    print(f"{rows} rows erased")


def main() -> None:
    """Run the command line; a wrong setting is one sentence and exit code 2."""
    from monitoring.errors import ConfigurationError

    try:
        app()
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
