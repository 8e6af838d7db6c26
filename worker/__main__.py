"""``python -m worker``: answer predictions with the champion; ``python -m worker status``: who does."""

import sys

import typer
from pydantic import ValidationError

from telemetry import supervisor
from worker.logging import configure
from worker.settings import Settings

app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
def run(context: typer.Context) -> None:
    """Claim predictions in batches, answer them with the registry's champion, commit the results.

    Settings come from the environment:

    - `REDIS_URL` (redis://127.0.0.1:6379/0; also rediss:// and unix://)
    - `MLFLOW_TRACKING_URI` (http://127.0.0.1:5000)
    - `WORKER_MODEL` (sentiment), the registered model, and so the queues
    - `WORKER_INSTANCE` (none): `sentiment-2` or `sentiment-cuda0` names model and device, as systemd's units
      do
    - `WORKER_BATCH_SIZE` (64 texts), `WORKER_BATCH_TOKENS` (16384), `WORKER_BATCH_DURATION` (PT0.5S): what
      bounds a batch; `WORKER_PATIENCE` (PT0S): how long one that is not full waits for company
    - `WORKER_DEVICE` (auto; cpu, cuda, cuda:1), `WORKER_THREADS` (0, all cores)
    - `WORKER_ALIAS_POLL` (PT2S), `WORKER_CACHE` (the folder in which fetched versions are kept)
    - `WORKER_SHADOW` (0.05): the share of texts that a challenger scores as well, in a process that waits
      behind all others; 0: none
    - `WORKER_METRICS_PORT` (0, none): where Prometheus reads, on loopback
    - `WORKER_LOG_LEVEL` (INFO)
    - `APPLICATIONINSIGHTS_CONNECTION_STRING`, `OTEL_EXPORTER_OTLP_ENDPOINT` (OTLP over HTTP): where
      traces go; `WORKER_TELEMETRY_DIR`: where waits what the former does not take (a temporary folder)

    Examples:

    - `python -m worker`
    - `REDIS_URL=redis://10.0.0.5 WORKER_MODEL=sentiment python -m worker`
    - `python -m worker status`

    SIGTERM finishes the batch in hand and hands back the rest; a second one hands back everything at once.
    SIGHUP looks at the registry now.
    """
    if context.invoked_subcommand is not None:
        return
    settings = _settings()
    configure(settings.log_level)
    from telemetry import ConfigurationError
    from worker.service import run as work  # the heavy part, kept out of --help

    try:
        work(settings)
    except ConfigurationError as error:
        print(f"worker: {error}", file=sys.stderr)
        raise typer.Exit(2) from None


@app.command()
def check() -> None:
    """Read the settings and the alias, and say whether a worker can go by them; before a reload.

    Examples:

    - `python -m worker check && systemctl restart worker@sentiment-1`
    """
    settings = _settings()
    import threading

    from worker.errors import ModelUnavailable
    from worker.registry import Registry

    try:
        found = Registry(settings.mlflow_tracking_uri, settings.model, threading.Event()).champion()
    except ModelUnavailable as error:
        print(f"worker: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    print(f"{settings.model}: version {found.number} is the champion")


@app.command()
def status() -> None:
    """Show what waits in the model's queues, and who works on them.

    Examples:

    - `python -m worker status`
    - `watch -c -n 1 python -m worker status`
    """
    settings = _settings()
    import redis
    from rich.console import Console

    from worker.status import report

    try:
        with redis.Redis.from_url(settings.redis_url, decode_responses=True) as client:
            Console().print(report(client, settings.model))
    except redis.RedisError as error:
        print(f"worker: Redis does not answer ({type(error).__name__}); see REDIS_URL.", file=sys.stderr)
        raise typer.Exit(1) from None


def _settings() -> Settings:
    try:
        return Settings(**supervisor.credentials())
    except ValidationError as error:
        for problem in error.errors():
            print(f"worker: {problem['loc'][0]}: {problem['msg']}", file=sys.stderr)
        raise typer.Exit(2) from None


if __name__ == "__main__":
    app()
