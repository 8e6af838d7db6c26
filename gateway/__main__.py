"""``python -m gateway``: HTTP in, webhooks out."""

import contextlib
import signal
import socket
import sys

import typer

from gateway import commands
from gateway.logging import configure
from gateway.settings import Settings
from telemetry import supervisor

app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)
app.add_typer(commands.keys, name="keys")


@app.callback(invoke_without_command=True)
def run(context: typer.Context) -> None:
    """Accept predictions over HTTP, put them into the queue, answer when they have ended, deliver webhooks.

    Without a command it serves, until SIGTERM; that lets requests in hand finish. SIGHUP does the same:
    a supervisor starts it anew, with new settings, and holds the socket meanwhile.

    Settings come from the environment:

    - `REDIS_URL` (redis://127.0.0.1:6379/0; also rediss:// and unix://)
    - `MLFLOW_TRACKING_URI` (http://127.0.0.1:5000), where `/v1/models` looks models up
    - `GATEWAY_HOST` (127.0.0.1), `GATEWAY_PORT` (8000), `GATEWAY_PUBLIC_URL`
    - `GATEWAY_MODEL` (sentiment), the default, and `GATEWAY_MODELS`, a list of others
    - `GATEWAY_QUEUE_LIMIT` (100000 predictions) and `GATEWAY_QUEUE_SIZE` (268435456 characters) a model,
      `GATEWAY_TEXT_LIMIT` (100000 characters), `GATEWAY_BODY_LIMIT` (1048576 bytes)
    - `GATEWAY_BATCH_ROWS` (100000), `GATEWAY_BATCH_SIZE` (268435456 bytes), `GATEWAY_BATCH_PATIENCE` (30 s)
    - `GATEWAY_HEAD_PATIENCE` and `GATEWAY_BODY_PATIENCE` (10 seconds each): how long a request's head and the
      rest of its body may take; `GATEWAY_CONNECTIONS` (20000) at the same time
    - `GATEWAY_CORS_ORIGINS`, a list of other sites whose pages may ask (none)
    - `GATEWAY_WEBHOOK_ALLOW`, CIDR blocks beside the public internet that webhooks may reach;
      `GATEWAY_WEBHOOK_HTTP` (false)
    - `GATEWAY_LOG_LEVEL` (INFO)
    - `APPLICATIONINSIGHTS_CONNECTION_STRING`, `OTEL_EXPORTER_OTLP_ENDPOINT` (OTLP over HTTP): where
      traces go; `GATEWAY_TELEMETRY_DIR`: where waits what the former does not take (a temporary folder)

    On this machine alone it needs no API keys; to be reached from others it does: `python -m gateway keys`.

    Examples:

    - `python -m gateway`
    - `REDIS_URL=redis://10.0.0.5 GATEWAY_PORT=8080 python -m gateway`
    - `python -m gateway keys make shop --scope predict --scope read --quota 600`
    """
    if context.invoked_subcommand is not None:
        return
    settings = commands.settings_or_exit()
    configure(settings.log_level)
    listener = supervisor.inherited_socket()
    if listener is not None and listener.family in (socket.AF_INET, socket.AF_INET6):
        # What is bound decides who can reach it, whatever the settings say.
        host, port = listener.getsockname()[:2]
        settings = settings.model_copy(update={"host": host, "port": port})
    if not settings.is_loopback:
        _check_keys(settings)
    _serve(settings, listener)


def _check_keys(settings: Settings) -> None:
    """Refuse an address at which anybody who can reach the port could read every prediction."""
    is_keyless = commands.keyless(settings.redis_url)
    if is_keyless is False:
        return
    reason = (
        "Redis does not say whether there are keys: is it running, and is REDIS_URL right?"
        if is_keyless is None
        else "there are no keys: make one with 'python -m gateway keys make NAME' (with the same REDIS_URL), "
        "or bind 127.0.0.1."
    )
    print(f"gateway: {settings.host} can be reached from other machines, and {reason}", file=sys.stderr)
    raise typer.Exit(2)


def _serve(settings: Settings, listener: socket.socket | None) -> None:
    from functools import partial
    from typing import Any, cast

    import uvicorn
    from uvicorn.config import STARTUP_FAILURE

    from gateway.app import served
    from gateway.connections import Connection, Patience, room
    from gateway.serving import Server
    from telemetry import ConfigurationError

    try:
        application = served(settings)
    except ConfigurationError as error:
        print(f"gateway: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    patience = Patience(settings.head_patience.total_seconds(), room(settings.connections))
    watchdog = supervisor.Watchdog()
    config = uvicorn.Config(
        application,
        host=settings.host,
        port=settings.port,
        # uvicorn calls it as it would call the class.
        http=cast("Any", partial(Connection, patience=patience)),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
        # On the event loop: a gateway that answers nobody does not come by.
        timeout_notify=1,
        callback_notify=partial(_well, watchdog),
    )
    server = Server(config, settings.base_url)
    signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
    with contextlib.suppress(KeyboardInterrupt):
        server.run([listener] if listener else None)
    if not server.started:
        raise typer.Exit(STARTUP_FAILURE)


async def _well(watchdog: supervisor.Watchdog) -> None:
    supervisor.notify("READY=1")
    watchdog.feed()


@app.command()
def check() -> None:
    """Read the settings and say whether they can be used; before a reload.

    Example: `python -m gateway check`
    """
    commands.settings_or_exit()


if __name__ == "__main__":
    app()
