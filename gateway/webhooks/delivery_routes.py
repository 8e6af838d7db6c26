"""What was delivered where: the log of an endpoint, retries of one attempt, replays of a time, pings.

The id ``default`` stands for the URLs that came with requests.
"""

import json
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BeforeValidator

from gateway import listing
from gateway.access import caller
from gateway.errors import EndpointDisabled, PredictionExpired
from gateway.identifiers import new_id
from gateway.problems import documented
from gateway.services import base_url_of, services
from gateway.webhooks.deliveries import attempt_object
from gateway.webhooks.endpoint_routes import READS, WRITES, EndpointId
from gateway.webhooks.messages import BATCH_COMPLETED, DEFAULT, PING, PREDICTIONS, Message
from gateway.webhooks.schemas import AttemptList, Enqueued, ReplayObject

router = APIRouter(prefix="/v1/webhook-endpoints/{id}", tags=["webhooks"])

DeliveryId = Annotated[str, Path(pattern=r"^[0-9]{1,15}-[0-9]{1,15}$", description="From the log")]


@router.get(
    "/deliveries",
    response_model=AttemptList,
    dependencies=READS,
    responses=documented(401, 403, 404, 422, 503),
)
async def deliveries(
    request: Request,
    id: EndpointId,
    cursor: listing.PageCursor = None,
    limit: listing.PageLimit = 100,
) -> Response:
    """List attempts to deliver webhooks, newest first: the last thousand, for seven days."""
    await _types(request, id)
    place = listing.cursor(cursor)
    found = await services(request).journal.page(id, caller(request).owner, place, limit)
    url = f"{base_url_of(request)}/v1/webhook-endpoints/{id}/deliveries"
    body = listing.page(url, found, lambda entry: json.dumps(attempt_object(entry)), {"limit": str(limit)})
    return Response(body, media_type="application/json")


@router.post(
    "/deliveries/{delivery}/retry",
    status_code=202,
    response_model=Enqueued,
    dependencies=WRITES,
    responses=documented(401, 403, 404, 409, 410, 422, 503),
)
async def retry(request: Request, id: EndpointId, delivery: DeliveryId) -> Response:
    """Send again what one attempt sent, under the same `webhook-id`, whether or not it was delivered."""
    await _types(request, id, must_be_enabled=True)
    app = services(request)
    message = await app.journal.message(id, caller(request).owner, delivery)
    if not await app.journal.is_known(message):
        raise PredictionExpired("What this delivery was about is past its retention.")
    await app.journal.enqueue(message)
    return JSONResponse({"enqueued": 1}, 202)


def _written_out(said: object) -> object:
    """Refuse a bare number, which pydantic takes for seconds or for milliseconds, as it thinks fit."""
    if isinstance(said, str) and "T" not in said.upper():
        raise ValueError("Write the time as RFC 3339 has it: 2026-11-22T13:00:00Z")
    return said


@router.post(
    "/replay",
    status_code=202,
    response_model=ReplayObject,
    dependencies=WRITES,
    responses=documented(401, 403, 404, 409, 422, 503),
)
async def replay(
    request: Request,
    id: EndpointId,
    since: Annotated[
        AwareDatetime,
        BeforeValidator(_written_out),
        Query(description="RFC 3339", examples=["2026-11-22T13:00:00Z"]),
    ],
) -> Response:
    """Send again all events since then that the endpoint is subscribed to, as far as they are kept."""
    types = await _types(request, id, must_be_enabled=True)
    done = await services(request).journal.replay(id, caller(request).owner, types, since)
    return JSONResponse({"enqueued": done.enqueued, "since": done.since}, 202)


@router.post(
    "/ping",
    status_code=202,
    response_model=Enqueued,
    dependencies=WRITES,
    responses=documented(401, 403, 404, 409, 422, 503),
)
async def ping(request: Request, id: EndpointId) -> Response:
    """Send a `webhook.ping`, to see whether the endpoint is there and verifies."""
    endpoint = await services(request).endpoints.read(id, caller(request).owner)
    if endpoint.disabled_at is not None:
        raise EndpointDisabled("Enable the endpoint first.")
    await services(request).journal.enqueue(Message(PING, new_id(), id))
    return JSONResponse({"enqueued": 1}, 202)


async def _types(request: Request, id: str, *, must_be_enabled: bool = False) -> frozenset[str]:
    """Return what the endpoint is told of.

    Raises:
        EndpointNotFound: it is not the caller's.
        EndpointDisabled: it must not be.
    """
    if id == DEFAULT:
        return frozenset((*PREDICTIONS, BATCH_COMPLETED))
    endpoint = await services(request).endpoints.read(id, caller(request).owner)
    if must_be_enabled and endpoint.disabled_at is not None:
        raise EndpointDisabled("Enable the endpoint first.")
    return frozenset(endpoint.events)
