"""From settings to a running Barometer, and back to nothing.

Checks first, then starts, then waits for a signal; whatever happens, nothing is left running.
"""

import asyncio
import logging
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from httpx2 import AsyncClient

from embedded import mlflow_server, preflight, redis_server, services
from embedded.banner import banner, without_secret
from embedded.children import Surroundings
from embedded.durability import keep_flushing
from embedded.errors import PartFailed, Refused
from embedded.settings import Settings
from embedded.supervisor import Supervisor, wait_until

log = logging.getLogger(__name__)

#: SIGHUP comes when the terminal is closed.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: A probe that takes longer has failed.
PROBE_TIMEOUT = timedelta(seconds=2)
#: How long a Redis that is not ours may take to answer: nobody starts it now.
FOREIGN_PATIENCE = timedelta(seconds=3)


def launch(settings: Settings, surroundings: Surroundings) -> None:
    """Run Barometer until a signal stops it.

    Raises:
        EmbeddedError: it could not be started, or not be kept running; everything is stopped again.
    """
    began = time.monotonic()
    data = preflight.data_folder(settings.data)
    with preflight.locked(data) as lock, redis_server.socket_path(data) as socket:
        preflight.check_gateway_port(settings.host, settings.port)
        locked = replace(surroundings, inherited=(lock,))
        asyncio.run(_serve(settings, data, socket, locked, began))


async def _serve(
    settings: Settings, data: Path, socket: Path, surroundings: Surroundings, began: float
) -> None:
    # Without the proxies of the environment: everything asked here is on this machine, or nearly.
    async with AsyncClient(trust_env=False, timeout=PROBE_TIMEOUT.total_seconds()) as client:
        redis = services.redis(settings, data, socket, surroundings.environment.get("PATH", ""))
        mlflow = services.mlflow(settings, data, client)
        if redis.part is None:
            await _reach(redis.url)
        told = services.environment(settings, redis, mlflow, surroundings.environment)
        parts = services.parts(settings, redis, mlflow, client)

        async def welcome() -> None:
            ready = mlflow_server.answers(client, f"{settings.gateway_url}/readyz")
            await wait_until("the gateway", ready)
            took = timedelta(seconds=time.monotonic() - began)
            print(banner(settings.gateway_url, mlflow.url, redis.url, took), flush=True)

        flushing = asyncio.create_task(keep_flushing(data)) if redis.part else None
        try:
            await run_until_signal(Supervisor(parts, replace(surroundings, environment=told)), welcome)
        finally:
            if flushing:
                flushing.cancel()


async def run_until_signal(supervisor: Supervisor, when_up: Callable[[], Awaitable[None]]) -> None:
    """Run all parts until a signal or a failure, then stop them in order; a second signal kills them.

    Raises:
        PartFailed: a part did not come up, or keeps dying.
    """
    work = asyncio.create_task(supervisor.run(when_up))
    is_asked = False

    def on_signal() -> None:
        nonlocal is_asked
        if is_asked:
            log.warning("killing", extra={"reason": "second signal"})
            supervisor.kill()
            return
        is_asked = True
        log.info("stopping", extra={"hint": "once more kills at once"})
        work.cancel()

    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, on_signal)
    try:
        await work
    except asyncio.CancelledError:
        if not is_asked:
            raise
    finally:
        await supervisor.stop()
    log.info("stopped")


async def _reach(redis_url: str) -> None:
    """Wait for a Redis that is not ours.

    Raises:
        Refused: it does not answer.
    """
    try:
        await wait_until("redis", redis_server.answers(redis_url), FOREIGN_PATIENCE)
    except PartFailed as error:
        raise Refused(
            f"no Redis answers at {without_secret(redis_url)}: is it running, and is REDIS_URL right? "
            "Without REDIS_URL Barometer runs its own."
        ) from error
