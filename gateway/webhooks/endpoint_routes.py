"""``/v1/webhook-endpoints``: managed receivers, and the signing secrets of them and of a key's own URLs."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import JSONResponse

from gateway.access import Scope, caller, needs
from gateway.bodies import body_of, read_body
from gateway.problems import documented
from gateway.schemas import WebhookSecret
from gateway.services import services
from gateway.webhooks import guard
from gateway.webhooks.endpoints import Change, endpoint_object
from gateway.webhooks.messages import SERVICE_WIDE
from gateway.webhooks.schemas import ChangeEndpoint, CreateEndpoint, EndpointList, EndpointObject

router = APIRouter(prefix="/v1", tags=["webhooks"])

EndpointId = Annotated[str, Path(pattern="^[A-Za-z0-9_-]{1,64}$", description="A managed endpoint")]
READS = [Depends(needs(Scope.READ))]
#: An endpoint is told of results and has us call a URL: what a create with a webhook may do, too.
WRITES = [Depends(needs(Scope.PREDICT))]


@router.get(
    "/webhooks/default/secret",
    response_model=WebhookSecret,
    dependencies=READS,
    responses=documented(401, 403, 503),
)
async def secret(request: Request) -> Response:
    """Return what receivers of your predictions' own webhooks verify signatures with."""
    return JSONResponse({"key": await services(request).endpoints.default_secret(caller(request).owner)})


@router.post(
    "/webhooks/default/secret/rotate",
    response_model=WebhookSecret,
    dependencies=WRITES,
    responses=documented(401, 403, 503),
)
async def rotate(request: Request) -> Response:
    """Replace the signing secret. For a day the old one signs too, so receivers can change over."""
    return JSONResponse({"key": await services(request).endpoints.rotate_default(caller(request).owner)})


@router.post(
    "/webhook-endpoints",
    status_code=201,
    response_model=EndpointObject,
    dependencies=WRITES,
    responses=documented(400, 401, 403, 413, 422, 503),
    openapi_extra=body_of(CreateEndpoint),
)
async def create(request: Request) -> Response:
    """Have a receiver told of events. Its signing secret is its own."""
    body = await read_body(request, CreateEndpoint)
    _check(request, body.url, body.events)
    change = Change(body.url, body.events, body.description)
    made = await services(request).endpoints.create(caller(request).owner, change)
    return JSONResponse(endpoint_object(made), 201)


@router.get(
    "/webhook-endpoints",
    response_model=EndpointList,
    dependencies=READS,
    responses=documented(401, 403, 503),
)
async def endpoints(request: Request) -> Response:
    """List your endpoints, the newest first."""
    found = await services(request).endpoints.all(caller(request).owner)
    return JSONResponse({"results": [endpoint_object(endpoint) for endpoint in found]})


@router.get(
    "/webhook-endpoints/{id}",
    response_model=EndpointObject,
    dependencies=READS,
    responses=documented(401, 403, 404, 422, 503),
)
async def read(request: Request, id: EndpointId) -> Response:
    """Read one endpoint."""
    return JSONResponse(endpoint_object(await services(request).endpoints.read(id, caller(request).owner)))


@router.patch(
    "/webhook-endpoints/{id}",
    response_model=EndpointObject,
    dependencies=WRITES,
    responses=documented(400, 401, 403, 404, 413, 422, 503),
    openapi_extra=body_of(ChangeEndpoint),
)
async def change(request: Request, id: EndpointId) -> Response:
    """Change an endpoint, or enable one that was disabled."""
    body = await read_body(request, ChangeEndpoint)
    _check(request, body.url, body.events)
    wanted = Change(body.url, body.events, body.description, body.enabled)
    changed = await services(request).endpoints.change(id, caller(request).owner, wanted)
    return JSONResponse(endpoint_object(changed))


@router.delete(
    "/webhook-endpoints/{id}",
    status_code=204,
    dependencies=WRITES,
    responses=documented(401, 403, 404, 422, 503),
)
async def delete(request: Request, id: EndpointId) -> Response:
    """Delete an endpoint; what waits for it is not delivered."""
    await services(request).endpoints.delete(id, caller(request).owner)
    return Response(status_code=204)


@router.get(
    "/webhook-endpoints/{id}/secret",
    response_model=WebhookSecret,
    dependencies=READS,
    responses=documented(401, 403, 404, 422, 503),
)
async def endpoint_secret(request: Request, id: EndpointId) -> Response:
    """Return what this endpoint verifies signatures with."""
    return JSONResponse({"key": await services(request).endpoints.secret(id, caller(request).owner)})


@router.post(
    "/webhook-endpoints/{id}/secret/rotate",
    response_model=WebhookSecret,
    dependencies=WRITES,
    responses=documented(401, 403, 404, 422, 503),
)
async def rotate_endpoint(request: Request, id: EndpointId) -> Response:
    """Replace this endpoint's signing secret. For a day the old one signs too."""
    return JSONResponse({"key": await services(request).endpoints.rotate(id, caller(request).owner)})


def _check(request: Request, url: str | None, events: list[str] | None) -> None:
    """Check what the schema cannot know.

    Raises:
        GatewayError: the URL can never be called, or an event is not for this key.
    """
    if url is not None:
        guard.check_url(url, http=services(request).settings.webhook_http, pointer="#/url")
    if set(events or ()) & SERVICE_WIDE:
        caller(request).check(Scope.ADMIN)
