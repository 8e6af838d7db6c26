"""``POST /v1/predictions/{id}/feedback``: what a text really says, from somebody who knows.

It is kept with the prediction, and told to monitoring as an event. Whether the model was right is not judged
here.
"""

import json
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from redis.asyncio import Redis
from redis.exceptions import RedisError

from contract import keys
from contract.events import EVENTS_KEPT
from contract.predictions import Record
from contract.states import Status
from gateway.access import Scope, caller, needs
from gateway.bodies import body_of, read_body
from gateway.errors import NotSucceeded, QueueUnavailable, UnknownLabel
from gateway.predictions import Id
from gateway.problems import documented
from gateway.rendering import prediction_json
from gateway.schemas import Feedback, PredictionObject
from gateway.services import links_of, services

router = APIRouter(prefix="/v1", tags=["predictions"])

_SCRIPT = files("gateway").joinpath("lua", "feedback.lua").read_text("utf-8")


@router.post(
    "/predictions/{id}/feedback",
    response_model=PredictionObject,
    dependencies=[Depends(needs(Scope.FEEDBACK))],
    responses=documented(400, 401, 403, 404, 410, 413, 422, 503),
    openapi_extra=body_of(Feedback),
)
async def feedback(request: Request, id: Id) -> Response:
    """Say what a text really says. The same label again changes nothing; another one replaces it."""
    body = await read_body(request, Feedback)
    app, owner = services(request), caller(request).owner
    predicted = _checked(await app.store.prediction(id, owner), body.label)
    await _keep(app.redis, id, body, predicted)
    found = await app.store.prediction(id, owner)
    return Response(prediction_json(found, links_of(request)), media_type="application/json")


def _checked(record: Record, truth: str) -> str:
    """Return the label that was predicted, where ``truth`` can be another one.

    Raises:
        NotSucceeded: there is no answer yet, or there never will be.
        UnknownLabel: it is none of the model's labels. An answer that was cut to its best ones (``top_k``)
            does not know the others: then every label is taken.
    """
    if record["status"] != Status.SUCCEEDED:
        raise NotSucceeded(
            f"Only a prediction that succeeded takes feedback; this one is {record['status']}."
        )
    output: dict[str, Any] = json.loads(record["output"])
    labels = [one["label"] for one in output["scores"]]
    is_cut = len(labels) == json.loads(record["input"]).get("top_k")
    if truth not in labels and not is_cut:
        problem = f"Not a label of this model; it has {', '.join(map(repr, labels))}"
        raise UnknownLabel(problem, [{"detail": problem, "pointer": "#/label"}])
    return str(output["label"])


async def _keep(redis: "Redis", id: str, body: Feedback, predicted: str) -> None:
    try:
        await redis.register_script(_SCRIPT)(
            keys=[keys.prediction(id), keys.EVENTS],
            args=[id, body.label, body.source or "", predicted, EVENTS_KEPT],
        )
    except (RedisError, OSError) as error:
        raise QueueUnavailable("The feedback was not kept: Redis does not answer. Try again.") from error
