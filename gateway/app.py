"""The gateway's parts put together: routes, lifespan, documentation."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Collection
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.staticfiles import StaticFiles
from fastapi.telemetry import TelemetryConfig
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from starlette.types import ASGIApp
from swagger_ui_bundle import swagger_ui_path

import telemetry
from gateway import description, feedback, models, operations, predictions, problems
from gateway.admission import Admission, Bounds
from gateway.batches import routes as batches
from gateway.batches.store import Batches
from gateway.bodies import DirectRoute
from gateway.catalog import Catalog
from gateway.edge import guarded, page_policy
from gateway.front import Front
from gateway.inference import protocol
from gateway.inference import routes as inference
from gateway.keyring import Keyring
from gateway.lag import Lag
from gateway.links import Links
from gateway.logging import TOLD
from gateway.metrics import SENT, Measured, Metrics
from gateway.overview import routes as overview_routes
from gateway.overview.reading import Reader
from gateway.overview.watching import Overviews
from gateway.page import serving as page
from gateway.services import Services
from gateway.settings import Settings
from gateway.stopping import told_to_stop
from gateway.store import Store
from gateway.streams import routes as streaming
from gateway.streams.watching import Streams
from gateway.tracing import Deliveries, Traced, TracedAdmission
from gateway.trainings import routes as trainings_routes
from gateway.trainings.queue import Trainings
from gateway.upkeep import Upkeep
from gateway.waiting import Waiters
from gateway.webhooks import delivery_routes, endpoint_routes
from gateway.webhooks.deliveries import Journal
from gateway.webhooks.delivering import AT_ONCE, Deliverer
from gateway.webhooks.endpoints import Endpoints
from gateway.webhooks.sender import Sender

if TYPE_CHECKING:
    from telemetry.exporting import Exit

log = logging.getLogger(__name__)

#: A canceled task ends within milliseconds; one that still runs after this has not heard it.
CANCEL_AGAIN_S = 0.2
#: How long those who wait for a prediction may go on when the gateway stops; then it is a 202 for them.
PARTING_S = 5.0

_DESCRIPTION = """
Reads text and says what it is. Send a text, get a label, its score and the scores of all labels; by poll,
by `Prefer: wait`, or by a signed webhook.
"""


#: FastAPI would make spans of its own for whatever provider a library sets globally; ours are in ``tracing``.
_NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}


def create_app(settings: Settings, traces: "Exit | None" = None) -> FastAPI:
    """Return the gateway's application; its connections are made when it starts."""
    metrics, lag, keyring = Metrics(), Lag(), Keyring(may_open=settings.is_loopback)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # One retry at once: a connection that the server closed while it was idle is no outage.
        redis = Redis.from_url(settings.redis_url, decode_responses=True, retry=Retry(NoBackoff(), 1))
        catalog = Catalog(settings)
        await keyring.connect(redis)
        sender = Sender(settings.webhook_allow, AT_ONCE)
        spans = Deliveries(traces.tracer) if traces else None
        deliverer = Deliverer(redis, sender, Links(settings.base_url, keyring.digest), spans)
        waiters = Waiters(redis, deliverer.ring)
        streams = Streams(redis, waiters)
        bounds = Bounds(settings.queue_limit, settings.queue_size)
        admit = partial(TracedAdmission, traces.tracer) if traces else Admission
        admissions = {model: admit(redis, model, bounds) for model in settings.served}
        store, batch_store = Store(redis), Batches(redis)
        journal, trainings = Journal(redis), Trainings(redis)
        overview = Reader(redis, settings, store, journal, trainings)
        overviews = Overviews(overview)
        app.state.services = Services(
            settings=settings,
            redis=redis,
            admissions=admissions,
            waiters=waiters,
            streams=streams,
            store=store,
            batches=batch_store,
            endpoints=Endpoints(redis),
            journal=journal,
            trainings=trainings,
            overview=overview,
            overviews=overviews,
            metrics=metrics,
            catalog=catalog,
            keyring=keyring,
        )
        upkeep = Upkeep(redis, store, admissions.values())
        parts = (waiters, streams, overviews, deliverer, upkeep, batch_store, lag, keyring)
        tasks = [asyncio.create_task(part.run()) for part in parts]
        for task in tasks:
            task.add_done_callback(_end)

        def part() -> None:
            streams.stop()
            overviews.stop()
            asyncio.get_running_loop().call_later(PARTING_S, waiters.release)

        with told_to_stop(part):
            yield
        await _canceled(tasks)
        await sender.close()
        await catalog.close()
        await redis.aclose()
        if traces:
            await asyncio.to_thread(traces.close)
        log.info("gateway.stopped")

    app = FastAPI(
        title="Barometer",
        version=version("barometer"),
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        telemetry=_NO_TELEMETRY,
    )
    app.state.metrics, app.state.lag, app.state.keyring = metrics, lag, keyring
    app.add_middleware(Measured, metrics=metrics)
    predictions.add_to(app)
    app.include_router(streaming.router)
    app.include_router(feedback.router)
    app.include_router(batches.router)
    app.include_router(models.router)
    app.include_router(trainings_routes.router)
    app.include_router(protocol.router)
    app.include_router(inference.router)
    app.include_router(endpoint_routes.router)
    app.include_router(delivery_routes.router)
    app.include_router(overview_routes.router)
    app.include_router(operations.router)
    page.add_to(app)
    problems.install(app)
    description.install(app)
    _document(app)
    return app


def served(settings: Settings) -> ASGIApp:
    """Return what the server runs: the application behind its hot path.

    Raises:
        ConfigurationError: traces cannot be sent as the settings say.
    """
    traces = telemetry.connect("barometer-gateway", *settings.traces_to)
    app = create_app(settings, traces)
    if traces:
        traces.listen(TOLD)
        traces.mirror(app.state.metrics.registry, SENT)
    [route] = [route for route in app.routes if isinstance(route, DirectRoute)]
    front = Front(app, route, app.state.metrics, app.state.lag, app.state.keyring)
    edge = guarded(front, settings.cors_origins)
    return Traced(edge, traces.tracer) if traces else edge


async def _canceled(tasks: "Collection[asyncio.Task[None]]") -> None:
    """Cancel tasks until they have ended.

    Once is not enough: redis-py sends within ``asyncio.wait_for``, which on Python 3.11 swallows a cancel
    that comes while it returns (5 of 100 gateways that stopped in their first second hung on it).
    """
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_S)


def _end(task: "asyncio.Task[None]") -> None:
    """End the process when a background task dies: without it, it would look alive and answer nobody."""
    if not task.cancelled() and (error := task.exception()):
        log.critical("gateway.broken", exc_info=error)
        signal.raise_signal(signal.SIGTERM)


def _document(app: FastAPI) -> None:
    """Serve the interactive documentation from the machine itself, without asking anybody on the network."""
    app.mount("/docs/assets", StaticFiles(directory=str(swagger_ui_path)), name="docs")

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> Response:
        root = request.scope.get("root_path", "")
        page = get_swagger_ui_html(
            openapi_url=f"{root}/openapi.json",
            title="Barometer",
            swagger_js_url=f"{root}/docs/assets/swagger-ui-bundle.js",
            swagger_css_url=f"{root}/docs/assets/swagger-ui.css",
            swagger_favicon_url="data:,",
        )
        page.headers["Content-Security-Policy"] = page_policy(bytes(page.body))
        return page
