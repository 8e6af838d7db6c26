"""The command line: ``python -m monitoring`` runs the service, ``status`` looks at it."""

import sys

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
def check() -> None:
    """Read the settings and say whether they can be used; before a reload."""
    from monitoring import settings

    settings.load()


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
