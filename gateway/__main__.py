"""``python -m gateway``: HTTP in, webhooks out."""

import sys

import typer
from pydantic import ValidationError

from gateway.logging import configure
from gateway.settings import Settings

app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)


@app.command()
def run() -> None:
    """Accept predictions over HTTP, put them into the queue, answer when they have ended, deliver webhooks.

    Settings come from the environment:

    - `REDIS_URL` (redis://127.0.0.1:6379/0; also rediss:// and unix://)
    - `GATEWAY_HOST` (127.0.0.1), `GATEWAY_PORT` (8000), `GATEWAY_PUBLIC_URL`
    - `GATEWAY_MODEL` (sentiment), the default, and `GATEWAY_MODELS`, a list of others
    - `GATEWAY_QUEUE_LIMIT` (100000 predictions) and `GATEWAY_QUEUE_SIZE` (268435456 characters) a model,
      `GATEWAY_TEXT_LIMIT` (100000 characters), `GATEWAY_BODY_LIMIT` (1048576 bytes)
    - `GATEWAY_WEBHOOK_ALLOW`, CIDR blocks beside the public internet that webhooks may reach;
      `GATEWAY_WEBHOOK_HTTP` (false)
    - `GATEWAY_LOG_LEVEL` (INFO)
    - `APPLICATIONINSIGHTS_CONNECTION_STRING`, `OTEL_EXPORTER_OTLP_ENDPOINT` (OTLP over HTTP): where traces go

    Examples:

    - `python -m gateway`
    - `REDIS_URL=redis://10.0.0.5 GATEWAY_PORT=8080 python -m gateway`

    SIGTERM lets requests in hand finish and exits.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        for problem in error.errors():
            print(f"gateway: {problem['loc'][0]}: {problem['msg']}", file=sys.stderr)
        raise typer.Exit(2) from None
    configure(settings.log_level)
    if not settings.is_loopback:
        # Without keys anybody who can reach the port could read every prediction.
        print(
            f"gateway: {settings.host} can be reached from other machines, and there are no keys yet: "
            "bind 127.0.0.1 and put a proxy that asks for a password before it.",
            file=sys.stderr,
        )
        raise typer.Exit(2)

    import uvicorn

    from gateway.app import served
    from telemetry import ConfigurationError

    try:
        application = served(settings)
    except ConfigurationError as error:
        print(f"gateway: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    uvicorn.run(
        application,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
    )


if __name__ == "__main__":
    app()
