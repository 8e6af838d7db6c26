"""``/v1/predictions``: create, list, read, wait, cancel."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, FastAPI, Header, Path, Query, Request, Response

from contract.jobs import Lane
from contract.predictions import Record
from contract.registry import MODEL_OWNER
from contract.states import TERMINAL, Status
from gateway import listing, preferences
from gateway.access import Scope, caller, needs
from gateway.admission import Idempotency, NewPrediction
from gateway.bodies import DirectRoute, body_of, read_body
from gateway.errors import IdempotencyMismatch, InvalidRequest, UnknownVersion
from gateway.idempotency import fingerprint, idempotency
from gateway.identifiers import new_id
from gateway.problems import documented
from gateway.quota import rate_limit
from gateway.rendering import prediction_json
from gateway.schemas import CreatePrediction, PredictionList, PredictionObject
from gateway.services import Services, links_of, services
from gateway.webhooks import guard
from gateway.webhooks.messages import wanted_calls

router = APIRouter(prefix="/v1", tags=["predictions"])

#: Made once: json.dumps with options makes a new encoder for each call.
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode

Prefer = Annotated[
    str | None,
    Header(
        description="`wait` or `wait=n`: answer when the prediction has ended, after n s at most",
    ),
]
CancelAfter = Annotated[
    str | None,
    Header(
        description="`30s`, `5m` or `1h`: cancel the prediction if it has not ended by then",
        json_schema_extra={"pattern": "^([1-9][0-9]{0,3}s|[1-9][0-9]{0,2}m|([1-9]|1[0-9]|2[0-4])h)$"},
    ),
]
Id = Annotated[str, Path(pattern="^[A-Za-z0-9_-]{1,64}$")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        description="Best a UUID. The same key and body are one create, for as long as its result lives",
        json_schema_extra={"pattern": "^[!#-~]{1,255}$"},
    ),
]
ModelName = Annotated[str, Path(pattern="^[A-Za-z0-9_. -]{1,200}$", description="A registered model")]
#: The answers of every create.
_CREATED: dict[int | str, dict[str, Any]] = {
    202: {"model": PredictionObject, "description": "Accepted; read it at Location"},
    **documented(400, 401, 403, 408, 413, 422, 429, 503),
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
        responses=_CREATED,
        route_class_override=DirectRoute,
    )
    app.include_router(router)


async def create(
    request: Request,
    body: CreatePrediction,
    prefer: Prefer = None,
    cancel_after: CancelAfter = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Ask what a text says. With `Prefer: wait` the answer holds the result, if it comes in time."""
    new = await _checked(request, body, cancel_after)
    if idempotency_key is not None:
        same = idempotency(idempotency_key, new.owner, "predictions", body.model_dump(exclude_unset=True))
        new = replace(new, idempotency=same)
    return await _created(request, new, preferences.wait(prefer))


async def _created(request: Request, new: NewPrediction, patience: timedelta | None) -> Response:
    app = services(request)
    with app.waiters.waiting(new.id) as ended:
        admitted = await app.admissions[new.model].admit(new)
        if admitted.earlier:
            return await _repeated(request, new, admitted.earlier, patience)
        app.metrics.accepted.inc()
        record: Mapping[str, str] = {"status": Status.STARTING, "created_at": admitted.created_at}
        if patience is not None and (event := await app.waiters.end(ended, patience)):
            record = event.fields
    # The event knows the result and not the text; we know what was asked.
    whole = cast("Record", {**record, **new.record()})
    answer = _answer(request, whole, 201 if record["status"] in TERMINAL else 202, patience)
    if admitted.allowance:
        answer.headers.update(rate_limit(admitted.allowance, new.quota))
    return answer


async def _repeated(
    request: Request, new: NewPrediction, earlier: tuple[str, str], patience: timedelta | None
) -> Response:
    """Answer a create that was made before: with the same prediction, as it is now."""
    id, fingerprint = earlier
    if new.idempotency is None or fingerprint != new.idempotency.fingerprint:
        raise IdempotencyMismatch("This Idempotency-Key, or id, was used for another request.")
    prediction = await _waited(services(request), id, new.owner, patience)
    status = 201 if prediction["status"] in TERMINAL else 202
    answer = _answer(request, prediction, status, patience)
    answer.headers["Idempotency-Replayed"] = "true"
    return answer


@router.post(
    "/models/{owner}/{name}/predictions",
    status_code=201,
    response_model=PredictionObject,
    response_description="Ended in time",
    responses=_CREATED | documented(404),
    openapi_extra=body_of(CreatePrediction),
)
async def create_for_model(
    request: Request,
    owner: Annotated[str, Path(description=f"`{MODEL_OWNER}`")],
    name: ModelName,
    prefer: Prefer = None,
    cancel_after: CancelAfter = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Ask what a text says to one registered model."""
    model = services(request).settings.served_model(f"{owner}/{name}")
    body = await read_body(request, CreatePrediction)
    if body.model is not None and services(request).settings.served_model(body.model) != model:
        problem = "Another model than the one in the address"
        raise InvalidRequest(problem, [{"detail": problem, "pointer": "#/model"}])
    new = await _checked(request, body.model_copy(update={"model": model}), cancel_after)
    if idempotency_key is not None:
        same = idempotency(idempotency_key, new.owner, f"models/{model}", body.model_dump(exclude_unset=True))
        new = replace(new, idempotency=same)
    return await _created(request, new, preferences.wait(prefer))


@router.put(
    "/predictions/{id}",
    status_code=201,
    response_model=PredictionObject,
    response_description="Ended in time",
    responses=_CREATED,
    openapi_extra=body_of(CreatePrediction),
)
async def put(request: Request, id: Id, prefer: Prefer = None, cancel_after: CancelAfter = None) -> Response:
    """Create a prediction under an id of your own, or find the one you created: safe to send again."""
    body = await read_body(request, CreatePrediction)
    new = await _checked(request, body, cancel_after)
    same = Idempotency(f"{new.owner}:put:{id}", fingerprint(body.model_dump(exclude_unset=True)))
    return await _created(request, replace(new, id=id, idempotency=same), preferences.wait(prefer))


@router.get(
    "/predictions",
    response_model=PredictionList,
    dependencies=[Depends(needs(Scope.READ))],
    responses=documented(401, 403, 422, 503),
)
async def created(
    request: Request,
    cursor: listing.PageCursor = None,
    limit: listing.PageLimit = 100,
    status: Status | None = None,
    label: Annotated[str | None, Query(max_length=200)] = None,
    model: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """List your predictions, newest first."""
    wanted = listing.Filter(status, label, model)
    found = await services(request).store.created(
        caller(request).owner, listing.cursor(cursor), wanted, limit
    )
    links = links_of(request)
    query = {**wanted.query(), "limit": str(limit)}
    body = listing.page(
        f"{links.base_url}/v1/predictions", found, partial(prediction_json, links=links), query
    )
    return Response(body, media_type="application/json")


@router.get(
    "/predictions/{id}",
    response_model=PredictionObject,
    dependencies=[Depends(needs(Scope.READ))],
    responses=documented(400, 401, 403, 404, 410, 422, 503),
)
async def read(request: Request, id: Id, prefer: Prefer = None) -> Response:
    """Read a prediction, with `Prefer: wait` when it has ended. A failed one is 200 too: failure is data."""
    patience = preferences.wait(prefer)
    prediction = await _waited(services(request), id, caller(request).owner, patience)
    return _answer(request, prediction, 200, patience)


async def _waited(app: Services, id: str, owner: str, patience: timedelta | None) -> Record:
    """Return a prediction, when it has ended or the client's patience has."""
    with app.waiters.waiting(id) as ended:
        prediction = await app.store.prediction(id, owner)
        is_open = prediction["status"] not in TERMINAL
        if patience is not None and is_open and await app.waiters.end(ended, patience):
            prediction = await app.store.prediction(id, owner)
    return prediction


@router.post(
    "/predictions/{id}/cancel",
    response_model=PredictionObject,
    dependencies=[Depends(needs(Scope.PREDICT))],
    responses=documented(401, 403, 404, 410, 422, 503),
)
async def cancel(request: Request, id: Id) -> Response:
    """Cancel a prediction that has not ended; answers its state either way."""
    found = await services(request).store.cancel(id, caller(request).owner)
    return _answer(request, found, 200, None)


async def _checked(request: Request, body: CreatePrediction, cancel_after: str | None) -> NewPrediction:
    """Check what the schema cannot know.

    Raises:
        GatewayError: this request can never succeed.
    """
    app, asking = services(request), caller(request)
    asking.check(Scope.PREDICT)
    model = app.settings.served_model(body.model)
    if body.version is not None:
        await _check_version(app, model, body.version)
    if len(body.input.text) > app.settings.text_limit:
        problem = f"Text of {len(body.input.text)} characters; at most {app.settings.text_limit} are taken"
        raise InvalidRequest(problem, [{"detail": problem, "pointer": "#/input/text"}])
    if body.webhook is not None:
        guard.check_url(body.webhook, http=app.settings.webhook_http)
    calls = wanted_calls(body.webhook, body.webhook_events_filter)
    return NewPrediction(
        id=new_id(),
        model=model,
        input=_encode(body.input.model_dump(exclude_unset=True)),
        lane=Lane.EXPLAIN if body.input.explain else Lane(body.priority),
        cancel_after=preferences.cancel_after(cancel_after),
        webhook=calls.at_end,
        webhook_if=calls.only_if,
        webhook_start=calls.at_start,
        metadata="" if body.metadata is None else _encode(body.metadata),
        owner=asking.owner,
        quota=asking.quota,
    )


async def _check_version(app: Services, model: str, version: str) -> None:
    """Let a version pass that some worker serves now: a bare number, or ``MODEL:NUMBER``.

    The alias may move before the prediction runs: what answers is the champion of that moment, and the
    result names it.
    """
    named, colon, number = version.rpartition(":")
    is_here = not colon or app.settings.served_model(named) == model
    serving = await app.store.serving(model)
    if not (is_here and number in serving):
        problem = (
            f"No worker serves this version of {model!r}; served now: {', '.join(sorted(serving)) or 'none'}"
        )
        raise UnknownVersion(problem, [{"detail": problem, "pointer": "#/version"}])


def _answer(request: Request, record: Record, status: int, patience: timedelta | None) -> Response:
    links = links_of(request)
    headers = {}
    if status in (201, 202):
        headers["Location"] = links.prediction(record["id"])
    if patience is not None:
        headers["Preference-Applied"] = f"wait={int(patience.total_seconds())}"
    return Response(prediction_json(record, links), status, headers, "application/json")
