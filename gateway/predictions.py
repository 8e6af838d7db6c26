"""``/v1/predictions``: create, read, wait, cancel."""

import asyncio
import dataclasses
import json
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Header, Path, Request, Response
from starlette.types import Scope

from contract.predictions import Prediction
from contract.states import Status
from gateway import guard, preferences
from gateway.admission import NewPrediction
from gateway.bodies import DirectRoute
from gateway.errors import InvalidRequest, UnknownModel
from gateway.identifiers import new_id
from gateway.problems import documented
from gateway.schemas import CreatePrediction, PredictionObject, prediction_object
from gateway.services import Services, services

router = APIRouter(prefix="/v1", tags=["predictions"])

#: Made once: json.dumps with options makes a new encoder for each call.
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode

Prefer = Annotated[
    str | None,
    Header(description="`wait` or `wait=n`: answer when the prediction has ended, after n s at most"),
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


async def create(request: Request, body: CreatePrediction, prefer: Prefer = None) -> Response:
    """Ask what a text says. With `Prefer: wait` the answer holds the result, if it comes in time."""
    app = services(request)
    patience = preferences.wait(prefer)
    new = _checked(app, body)
    with app.waiters.waiting(new.id) as ended:
        created_at = await app.admission.admit(new)
        app.metrics.accepted.inc()
        prediction = Prediction(
            id=new.id,
            model=new.model,
            status=Status.STARTING,
            input=new.input,
            created_at=created_at,
            webhook=new.webhook,
            metadata=new.metadata,
        )
        if patience is not None and await _ends(ended, patience):
            stored = {**ended.result().fields, "input": "null"}
            prediction = _with_request(Prediction.from_hash(new.id, stored), new)
    return _answer(request, prediction, 201 if prediction.is_terminal else 202, patience)


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
        if patience is not None and not prediction.is_terminal and await _ends(ended, patience):
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


def _checked(app: Services, body: CreatePrediction) -> NewPrediction:
    """Check what the schema cannot know.

    Raises:
        UnknownModel, InvalidRequest, WebhookRefused: this request can never succeed.
    """
    if body.model not in (None, app.settings.model):
        problem = f"No such model; this gateway serves {app.settings.model!r}"
        raise UnknownModel(problem, [{"detail": problem, "pointer": "#/model"}])
    if len(body.input.text) > app.settings.text_limit:
        problem = f"Text of {len(body.input.text)} characters; at most {app.settings.text_limit} are taken"
        raise InvalidRequest(problem, [{"detail": problem, "pointer": "#/input/text"}])
    if body.webhook is not None:
        guard.check_url(body.webhook, http=app.settings.webhook_http)
    return NewPrediction(
        id=new_id(),
        model=app.settings.model,
        input=body.input.model_dump(),
        webhook=body.webhook,
        metadata=body.metadata,
    )


async def _ends(ended: "asyncio.Future[Any]", patience: timedelta) -> bool:
    """Wait for the end of a prediction; say whether it came in time."""
    try:
        async with asyncio.timeout(patience.total_seconds()):
            await ended
    except TimeoutError:
        return False
    return True


def _with_request(prediction: Prediction, new: NewPrediction) -> Prediction:
    """The event knows the result and not the text; we know what was asked."""
    return dataclasses.replace(prediction, input=new.input, metadata=new.metadata)


def _answer(request: Request, prediction: Prediction, status: int, patience: timedelta | None) -> Response:
    body = prediction_object(prediction, services(request).settings.public_url or _base_url(request.scope))
    headers = {}
    if status in (201, 202):
        headers["Location"] = body["urls"]["get"]
    if patience is not None:
        headers["Preference-Applied"] = f"wait={int(patience.total_seconds())}"
    return Response(_encode(body), status, headers, "application/json")


def _base_url(scope: Scope) -> str:
    """The address under which this client reached us: Starlette's ``base_url``, without parsing it."""
    host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
    return f"{scope['scheme']}://{host}{scope.get('root_path', '')}"
