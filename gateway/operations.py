"""What people and machines ask about the service itself: probes, metrics, alerts."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from gateway.access import Scope, caller, needs
from gateway.errors import NoWorker, QueueUnavailable
from gateway.metrics import Metrics
from gateway.problems import documented
from gateway.schemas import AlertList, AlertObject, alert_object
from gateway.services import services

router = APIRouter()


@router.get("/livez", tags=["service"])
async def livez() -> dict[str, str]:
    """Answer as long as the process does."""
    return {"status": "alive"}


@router.get("/readyz", tags=["service"], responses=documented(503))
async def readyz(request: Request) -> dict[str, Any]:
    """Answer 200 when a prediction sent now is answered: Redis is there and a worker holds the model."""
    app = services(request)
    workers = await app.store.ready_workers(app.settings.model)
    if not workers:
        raise NoWorker(
            f"No worker holds the model {app.settings.model!r} yet; what is sent waits in the queue."
        )
    return {"status": "ready", "model": app.settings.model, "workers": workers}


@router.get("/metrics", tags=["service"], response_class=Response)
async def metrics(request: Request) -> Response:
    """Give Prometheus the figures."""
    app = services(request)
    app.metrics.waiters.set(len(app.waiters))
    try:
        for model in app.admissions:
            for lane, waiting in (await app.store.waiting(model)).items():
                app.metrics.queued.labels(model, lane).set(waiting.jobs)
                app.metrics.oldest.labels(model, lane).set(waiting.oldest_s)
            app.metrics.workers.labels(model).set(await app.store.ready_workers(model))
    except QueueUnavailable:
        # A scrape must succeed while Redis is away: no figure is honest, an old one is not.
        app.metrics.queued.clear()
        app.metrics.oldest.clear()
        app.metrics.workers.clear()
    return Response(app.metrics.expose(), media_type=Metrics.content_type)


@router.get(
    "/v1/alerts",
    tags=["service"],
    response_model=AlertList,
    dependencies=[Depends(needs(Scope.READ))],
    responses=documented(401, 403, 422, 503),
)
async def alerts(request: Request, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> Response:
    """List the newest alerts, newest first."""
    found = await services(request).store.alerts(limit)
    return JSONResponse({"results": [alert_object(alert) for alert in found]})


@router.post(
    "/v1/alerts/{id}/ack",
    tags=["service"],
    response_model=AlertObject,
    dependencies=[Depends(needs(Scope.ADMIN))],
    responses=documented(401, 403, 404, 422, 503),
)
async def acknowledge(request: Request, id: Annotated[str, Path(max_length=500)]) -> Response:
    """Take on an alert: somebody has seen it. The first to say so stays; the alert ends by itself."""
    by = caller(request).owner or "anybody"
    return JSONResponse(alert_object(await services(request).store.acknowledge(id, by)))
