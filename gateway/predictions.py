"""``/v1/predictions``: create, read, wait, cancel."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, cast

from fastapi import APIRouter, FastAPI, Header, Path, Request, Response
from starlette.types import Scope

from contract.jobs import Lane
from contract.predictions import Record
from contract.states import TERMINAL, Status
from gateway import guard, preferences
from gateway.admission import NewPrediction
from gateway.bodies import DirectRoute
from gateway.errors import InvalidRequest, UnknownModel
from gateway.identifiers import new_id
from gateway.problems import documented
from gateway.rendering import prediction_json
from gateway.schemas import CreatePrediction, PredictionObject
from gateway.services import Services, services

router = APIRouter(prefix="/v1", tags=["predictions"])

#: Made once: json.dumps with options makes a new encoder for each call.
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode

Prefer = Annotated[
    str | None,
    Header(description="`wait` or `wait=n`: answer when the prediction has ended, after n s at most"),
]
CancelAfter = Annotated[
    str | None,
    Header(description="`30s`, `5m` or `1h`: cancel the prediction if it has not ended by then"),
]
Id = Annotated[str, Path(pattern="^[A-Za-z0-9_-]{1,64}$")]
_ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {"model": PredictionObject, "description": "Accepted; read it at Location"}
}


def add_to(app: FastAPI) -> None:
    """Add the routes. The hot one is not part of the router: an included route is served by FastAPI."""
    app.router.add_api_route(
        "/v1/predictions",
        create,
        methods=["POST"],
        tags=["predictions"],
        status_code=201,
        response_model=PredictionObject,
        response_description="Ended in time",
        responses=_ACCEPTED | documented(400, 413, 422, 503),
        route_class_override=DirectRoute,
    )
    app.include_router(router)


async def create(
    request: Request, body: CreatePrediction, prefer: Prefer = None, cancel_after: CancelAfter = None
) -> Response:
    """Ask what a text says. With `Prefer: wait` the answer holds the result, if it comes in time."""
    app = services(request)
    patience = preferences.wait(prefer)
    new = _checked(app, body, preferences.cancel_after(cancel_after))
    with app.waiters.waiting(new.id) as ended:
        created_at = await app.admissions[new.model].admit(new)
        app.metrics.accepted.inc()
        record: Mapping[str, str] = {"status": Status.STARTING, "created_at": created_at}
        if patience is not None and (event := await app.waiters.end(ended, patience)):
            record = event.fields
    # The event knows the result and not the text; we know what was asked.
    whole = cast("Record", {**record, **new.record()})
    return _answer(request, whole, 201 if record["status"] in TERMINAL else 202, patience)


@router.get(
    "/predictions/{id}",
    response_model=PredictionObject,
    responses=documented(400, 404, 422, 503),
)
async def read(request: Request, id: Id, prefer: Prefer = None) -> Response:
    """Read a prediction, with `Prefer: wait` when it has ended. A failed one is 200 too: failure is data."""
    app = services(request)
    patience = preferences.wait(prefer)
    with app.waiters.waiting(id) as ended:
        prediction = await app.store.prediction(id)
        is_open = prediction["status"] not in TERMINAL
        if patience is not None and is_open and await app.waiters.end(ended, patience):
            prediction = await app.store.prediction(id)
    return _answer(request, prediction, 200, patience)


@router.post(
    "/predictions/{id}/cancel",
    response_model=PredictionObject,
    responses=documented(404, 422, 503),
)
async def cancel(request: Request, id: Id) -> Response:
    """Cancel a prediction that has not ended; answers its state either way."""
    return _answer(request, await services(request).store.cancel(id), 200, None)


def _checked(app: Services, body: CreatePrediction, cancel_after: timedelta | None) -> NewPrediction:
    """Check what the schema cannot know.

    Raises:
        UnknownModel, InvalidRequest, WebhookRefused: this request can never succeed.
    """
    model = body.model or app.settings.model
    if model not in app.admissions:
        problem = f"No such model; this gateway serves {', '.join(map(repr, app.admissions))}"
        raise UnknownModel(problem, [{"detail": problem, "pointer": "#/model"}])
    if len(body.input.text) > app.settings.text_limit:
        problem = f"Text of {len(body.input.text)} characters; at most {app.settings.text_limit} are taken"
        raise InvalidRequest(problem, [{"detail": problem, "pointer": "#/input/text"}])
    if body.webhook is not None:
        guard.check_url(body.webhook, http=app.settings.webhook_http)
    return NewPrediction(
        id=new_id(),
        model=model,
        input=_encode(body.input.model_dump(exclude_unset=True)),
        lane=Lane.EXPLAIN if body.input.explain else Lane(body.priority),
        cancel_after=cancel_after,
        webhook=body.webhook,
        metadata="" if body.metadata is None else _encode(body.metadata),
    )


def _answer(request: Request, record: Record, status: int, patience: timedelta | None) -> Response:
    base_url = services(request).settings.public_url or _base_url(request.scope)
    headers = {}
    if status in (201, 202):
        headers["Location"] = f"{base_url}/v1/predictions/{record['id']}"
    if patience is not None:
        headers["Preference-Applied"] = f"wait={int(patience.total_seconds())}"
    return Response(prediction_json(record, base_url), status, headers, "application/json")


def _base_url(scope: Scope) -> str:
    """The address under which this client reached us: Starlette's ``base_url``, without parsing it."""
    host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
    return f"{scope['scheme']}://{host}{scope.get('root_path', '')}"
