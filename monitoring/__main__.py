"""The command line: ``python -m monitoring`` runs the service, ``status`` looks at it."""

import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from monitoring.alerts import AlertBook

EXAMPLES = """
Keep the history, judge what happens, raise alerts.

Examples:

  REDIS_URL=redis://127.0.0.1:6379/0 python -m monitoring

  MONITORING_LIMIT=10 MONITORING_WINDOW=PT10M python -m monitoring

  MONITORING_ERROR_RATE__THRESHOLD=0.02 MONITORING_DATABASE_URL=postgresql://... python -m monitoring

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
def migrate(
    check: Annotated[bool, typer.Option("--check", help="Only say what there is to do.")] = False,  # noqa: FBT002
) -> None:
    """Bring the history to the form of this release; the service does so too when it starts.

    Prints what was done or, with --check, what is to be done; nothing where there is nothing. Migrations only
    add, so a release that is older goes on working with a history that is newer.

    Examples:

      python -m monitoring migrate --check
    """
    from monitoring import settings
    from monitoring.errors import HistoryUnavailable
    from monitoring.history import database

    engine = database.connect(settings.load().database_url.get_secret_value())
    try:
        seen = database.revisions(engine) if check else database.upgrade(engine)
    except HistoryUnavailable as error:
        print(f"The history does not answer, check MONITORING_DATABASE_URL: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
    if seen.is_pending:
        print(f"history: {seen.found or 'new'} -> {seen.newest}")


@app.command()
def status() -> None:
    """Print the counts now, the open alerts and the last ten, and each model's rates, latency and quality."""
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

    What waits for a training loses it too; a training under way, and a model that has learnt it, do not.
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
    from monitoring.retraining.handing import Handover

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
            # After the history: what is handed over from now on is without it.
            Handover(client).withdraw(chosen.retrain.model, kind, subject)
    except (HistoryUnavailable, redis.RedisError) as error:
        print(f"Not all was erased, say it again: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
    print(f"{rows} rows erased")


@app.command()
def analyse() -> None:
    """Compare what each version answers with what people say and with its own past; keep the reports.

    The service does this every few minutes. Prints one line a version.
    """
    import redis

    from monitoring import events, logging, settings
    from monitoring.analysis import running
    from monitoring.errors import HistoryUnavailable
    from monitoring.history import database
    from monitoring.history.asking import Archive

    chosen = settings.load()
    logging.configure(chosen.log_level)
    archive = Archive(database.connect(chosen.database_url.get_secret_value()))
    try:
        with events.connect(chosen.redis_url.get_secret_value()) as client:
            now = events.now_ms(client)
        plan = running.Plan(window=chosen.analyse_window, quality_window=chosen.quality_window)
        for of in running.analyse(archive, now, plan):
            print(f"{of.model} {of.version}")
    except (HistoryUnavailable, redis.RedisError) as error:
        print(f"Nothing was analysed: {error}", file=sys.stderr)
        raise typer.Exit(1) from error


@app.command()
def retrain(
    cancel: Annotated[bool, typer.Option("--cancel", help="End the training that waits or runs.")] = False,  # noqa: FBT002
    why: Annotated[str, typer.Option(help="Kept with it.")] = "by hand",
) -> None:
    """Have the model trained now, with what MONITORING_RETRAIN__* says; the gate decides as ever.

    Examples:

      MONITORING_RETRAIN__DATA=/srv/reviews.csv python -m monitoring retrain

      python -m monitoring retrain --cancel
    """
    import redis

    from monitoring import events, settings
    from monitoring.errors import ConfigurationError, HistoryUnavailable
    from monitoring.history import database
    from monitoring.history.asking import Archive
    from monitoring.history.keeping import History
    from monitoring.retraining.queue import Trainings
    from monitoring.retraining.round import Retraining

    chosen = settings.load()
    url = chosen.redis_url.get_secret_value()
    trainings = Trainings(url)
    try:
        if cancel:
            print("canceled" if trainings.cancel(chosen.retrain.model) else "no training is under way")
            return
        order = chosen.retrain.order()
        if order is None:
            raise ConfigurationError("MONITORING_RETRAIN__DATA is not set: say which file to train on.")
        engine = database.connect(chosen.database_url.get_secret_value())
        History(engine).prepare()
        with events.connect(url) as client:
            id = Retraining(client, Archive(engine), trainings, order).start(why)
    except (HistoryUnavailable, redis.RedisError) as error:
        print(f"Nothing was asked for: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
    print(f"asked for: job {id}" if id else "a training is under way already")


@app.command()
def ack(
    alert: Annotated[str, typer.Argument(help="The alert's id, as `status` shows it.")],
    by: Annotated[str, typer.Option(help="Who takes it on.")] = "",
) -> None:
    """Acknowledge an alert: somebody has taken it on. It ends by itself, when its cause does.

    Examples:

      python -m monitoring ack negatives-sentiment-1790000000000-0 --by anna
    """
    with _alerts() as book:
        first = book.acknowledge(alert, by or getpass.getuser())
    if first is None:
        print(f"There is no alert {alert!r}.", file=sys.stderr)
        raise typer.Exit(1)
    print("acknowledged" if first else "it was acknowledged before")


@app.command()
def silence(
    rule: Annotated[str, typer.Argument(help="The rule's name, as `status` shows it.")],
    subject: Annotated[str, typer.Argument(help="Of this subject only; else of all.")] = "",
    minutes: Annotated[float, typer.Option(min=0, help="For how long; 0 ends a silence.")] = 60,
) -> None:
    """Tell nobody of the alerts that a rule fires for a while. They are kept and shown all the same.

    Examples:

      python -m monitoring silence latency --minutes 30

      python -m monitoring silence negatives sentiment --minutes 0
    """
    with _alerts() as book:
        until = book.silence(rule, subject, minutes * 60)
    print(f"silent until {datetime.fromtimestamp(until, UTC):%Y-%m-%d %H:%M:%S}Z")


@contextmanager
def _alerts() -> "Iterator[AlertBook]":
    """Give the alerts in Redis; Redis being away is one sentence and exit code 1."""
    import redis

    from monitoring import events, settings
    from monitoring.alerts import AlertBook

    with events.connect(settings.load().redis_url.get_secret_value()) as client:
        try:
            yield AlertBook(client)
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
