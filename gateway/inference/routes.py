"""``/v2/.../infer``: texts in, answers out, by the Open Inference Protocol.

A request's texts become predictions like any others, and the request waits for them all. It succeeds as a
whole or fails as a whole: a tensor has no place for the error of one text. What was not answered in time is
canceled. Statuses are those of Triton, whose clients are used most.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from datetime import timedelta
from typing import Any, NoReturn, cast

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from contract.events import Event
from contract.jobs import Lane
from contract.states import Status
from gateway import bodies
from gateway.access import caller
from gateway.admission import Admitted, NewPrediction
from gateway.errors import (
    BadHeader,
    InferenceFailed,
    MalformedTensors,
    ModelNotFound,
    NotAnswered,
    QueueUnavailable,
)  # fmt: skip
from gateway.identifiers import new_id
from gateway.inference import protocol, tensors
from gateway.inference.protocol import InferenceResponse, Model, Number
from gateway.inference.tensors import InferenceRequest, Inferred
from gateway.quota import rate_limit
from gateway.schemas import PredictionInput
from gateway.services import Services, services

#: What a request waits for its answer at most.
LONGEST = timedelta(seconds=60)
#: Priorities of the protocol: 1 goes first, and 0 stands for the usual one.
_LANES = {0: Lane.DEFAULT, 1: Lane.HIGH, 2: Lane.DEFAULT}
_JSON_LENGTH = "Inference-Header-Content-Length"
#: The one failure of a prediction that the text itself is to blame for.
_TEXT_TOO_LONG = "text_too_long"

router = APIRouter(prefix="/v2", tags=["inference"])
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def _inlined(model: type[BaseModel]) -> dict[str, Any]:
    """Return a schema that refers to nothing outside of itself."""
    schema = model.model_json_schema()
    parts = schema.pop("$defs", {})

    def filled(value: Any) -> Any:
        if isinstance(value, list):
            return [filled(each) for each in value]
        if not isinstance(value, dict):
            return value
        if reference := value.get("$ref"):
            return filled(parts[reference.rpartition("/")[2]])
        return {name: filled(each) for name, each in value.items()}

    return cast("dict[str, Any]", filled(schema))


_INFER: dict[str, Any] = {
    "response_model": InferenceResponse,
    "responses": protocol.errors(400, 401, 403, 404, 408, 413, 429, 500, 503),
    "dependencies": protocol.predicts,
    "openapi_extra": {
        "parameters": [
            {
                "name": _JSON_LENGTH, "in": "header", "schema": {"type": "integer", "minimum": 0},
                "description": "Where the JSON ends and binary tensors begin",
            }
        ],
        "requestBody": {
            "required": True, "content": {"application/json": {"schema": _inlined(InferenceRequest)}},
        },
    },
}  # fmt: skip


@router.post("/models/{model}/infer", **_INFER)
async def infer(request: Request, model: Model) -> Response:
    """Ask what texts say, many in one request."""
    app = services(request)
    protocol.check_model(app, model)
    return await _inferred(request, app, model, None)


@router.post("/models/{model}/versions/{number}/infer", **_INFER)
async def infer_version(request: Request, model: Model, number: Number) -> Response:
    """Ask one version, which must be the one that answers now."""
    await protocol.held(request, model, number)
    return await _inferred(request, services(request), model, number)


async def _inferred(request: Request, app: Services, model: str, number: str | None) -> Response:
    request.app.state.lag.check()
    asked, texts = await _read(request)
    wanted = asked.wanted
    timeout = timedelta(microseconds=min(asked.parameters.timeout, 10**12))
    patience = min(timeout or LONGEST, LONGEST)
    asking = caller(request)
    new = [
        NewPrediction(
            id=new_id(),
            model=model,
            input=_input(row, text, app.settings.text_limit, truncate=asked.parameters.truncate),
            lane=_LANES.get(asked.parameters.priority, Lane.BULK),
            cancel_after=patience,
            owner=asking.owner,
            quota=asking.quota,
        )
        for row, text in enumerate(texts)
    ]
    events, admitted = await _answered(app, new, patience)
    versions = {event.fields["version"] for event in events}
    if number is not None and versions != {number}:
        raise ModelNotFound(f"Version {number} of {model!r} does not answer any more.")
    inferred = Inferred(
        model=model,
        version=versions.pop() if len(versions) == 1 else None,
        id=asked.id,
        shape=asked.inputs[0].shape,
        outputs=[json.loads(event.fields["output"]) for event in events],
    )
    answer = _response(inferred, wanted)
    if allowances := [one.allowance for one in admitted if one.allowance]:
        least = min(allowances, key=lambda allowance: allowance.left)
        answer.headers.update(rate_limit(least, asking.quota))
    return answer


async def _read(request: Request) -> tuple[InferenceRequest, list[str]]:
    """Return what is asked, and the texts.

    Raises:
        GatewayError, RequestValidationError: it cannot be read.
    """
    headers = {name: value.decode("latin-1") for name, value in request.scope["headers"]}
    kind = headers.get(b"content-type", "").partition(";")[0].strip().lower()
    # Triton's client sends none. A browser does so for a page of another site, but then it names the page.
    if kind not in ("application/json", "application/octet-stream") and (kind or b"origin" in headers):
        raise BadHeader("Content-Type must be application/json or application/octet-stream.")
    if headers.get(b"content-encoding", "identity") != "identity":
        raise BadHeader("Content-Encoding: send the body as it is, not compressed.")
    body = bytes(await bodies.read_raw(request, headers))
    head, tail = tensors.split(body, headers.get(_JSON_LENGTH.lower().encode()))
    try:
        asked = InferenceRequest.model_validate(bodies.parse(head))
    except ValidationError as error:
        faults = error.errors(include_url=False)
        raise RequestValidationError(
            [{**fault, "loc": ("body", *fault["loc"])} for fault in faults]
        ) from None
    except json.JSONDecodeError as error:
        raise MalformedTensors(f"The body is not JSON: {error.msg}.") from None
    return asked, tensors.texts(asked, tail)


def _input(row: int, text: str, limit: int, *, truncate: bool) -> str:
    """Return the input of the prediction for one text, checked as that of any other."""
    if len(text) > limit:
        raise MalformedTensors(f"Text {row} has {len(text)} characters; at most {limit} are taken.")
    try:
        checked = PredictionInput(text=text, truncate=truncate)
    except ValidationError as error:
        said = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise MalformedTensors(f"Text {row}: {said}.") from None
    return _encode(checked.model_dump(include={"text"} if truncate else {"text", "truncate"}))


async def _answered(
    app: Services, new: Sequence[NewPrediction], patience: timedelta
) -> tuple[list[Event], list[Admitted]]:
    """Put all texts into the queue, wait for them all, and return the events of their ends.

    Raises:
        GatewayError: not all were accepted, or not all succeeded in time.
    """
    with ExitStack() as stack:
        ended = [stack.enter_context(app.waiters.waiting(one.id)) for one in new]
        admitted = await _admitted(app, new)
        app.metrics.accepted.inc(len(new))
        _, pending = await asyncio.wait(ended, timeout=patience.total_seconds())
        if pending:
            # Their deadline is over as well, and whoever sweeps next cancels them.
            raise NotAnswered("Not all texts were answered in time. Try again shortly.")
        events = [cast("Event", future.result()) for future in ended]
    for row, event in enumerate(events):
        if event.fields["status"] != Status.SUCCEEDED:
            _fail(row, event.fields)
    return events, admitted


async def _admitted(app: Services, new: Sequence[NewPrediction]) -> list[Admitted]:
    """Accept all or none. Those that are asked for at the same time go to Redis in the same call."""
    admission = app.admissions[new[0].model]
    answers = await asyncio.gather(*map(admission.admit, new), return_exceptions=True)
    admitted = [answer for answer in answers if isinstance(answer, Admitted)]
    refusal = next((answer for answer in answers if isinstance(answer, BaseException)), None)
    if refusal is None:
        return admitted
    if admitted:
        ids = [one.id for one, answer in zip(new, answers, strict=True) if isinstance(answer, Admitted)]
        with suppress(QueueUnavailable):  # then their deadline ends them
            await app.store.give_up(ids)
    raise refusal


def _fail(row: int, ended: Mapping[str, str]) -> NoReturn:
    """Say why the request failed, by the first of its texts that did."""
    if ended["status"] == Status.CANCELED:
        raise NotAnswered(f"Text {row} was canceled before it was answered.")
    sentence = f"Text {row}: {ended.get('error') or 'the prediction failed'}."
    if ended.get("error_code") == _TEXT_TOO_LONG:
        raise MalformedTensors(sentence)
    raise InferenceFailed(sentence)


def _response(inferred: Inferred, wanted: Sequence[tuple[str, bool]]) -> Response:
    if len({len(output["scores"]) for output in inferred.outputs}) > 1:
        raise NotAnswered("A version with other labels took over meanwhile. Try again.")
    head, tail = tensors.response(inferred, wanted)
    if not any(is_binary for _, is_binary in wanted):
        return Response(head, media_type="application/json")
    return Response(
        head + tail, headers={_JSON_LENGTH: str(len(head))}, media_type="application/octet-stream"
    )
