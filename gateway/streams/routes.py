"""``GET /v1/predictions/{id}/stream``: a prediction's story (``gateway.streams.story``) as it goes on.

No event is stored for it; ``gateway.streams.watching`` says when to look. While Redis is away a stream stays
open and goes on afterwards. When the gateway stops, every stream ends, and its client goes on elsewhere.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event

from contract.states import Status
from gateway.access import Scope, caller, needs
from gateway.errors import PredictionExpired, PredictionNotFound, QueueUnavailable
from gateway.links import Links
from gateway.predictions import Id
from gateway.problems import documented
from gateway.rendering import prediction_json
from gateway.services import Services, links_of, services
from gateway.streams.story import Moment, heard, line, rest, story

router = APIRouter(prefix="/v1", tags=["predictions"])

#: Between two tries while Redis is away.
AGAIN_S = 1.0
#: A comment after so much silence keeps proxies from closing the connection.
SILENCE_S = 15.0
#: When a client that lost its connection comes back, in milliseconds.
RETRY = format_sse_event(retry=2000)

#: Replicate's Python client (1.0.7) raises at any event but these four: output, logs, error and done.
_REPLICATE = "replicate-python/"

#: One server-sent event, as OpenAPI describes it.
_EVENT = {
    "type": "object",
    "required": ["data"],
    "properties": {
        "event": {"enum": ["starting", "processing", "completed", "error"]},
        "id": {"type": "string", "pattern": "^[0-9]+$"},
        "data": {"type": "string", "contentMediaType": "application/json"},
        "retry": {"type": "integer"},
    },
}


@router.get(
    "/predictions/{id}/stream",
    # Not EventSourceResponse: for FastAPI such a route is a generator, which cannot answer 404 any more.
    response_class=StreamingResponse,
    response_description="`starting`, `processing`, then `completed` or `error`; `data` is the prediction",
    dependencies=[Depends(needs(Scope.READ))],
    responses={
        200: {"content": {"text/event-stream": {"schema": _EVENT}}},
        204: {"description": "All of it was heard already: do not come back"},
        **documented(401, 403, 404, 410, 422, 503),
    },
    openapi_extra={
        "parameters": [
            {
                "name": "token", "in": "query", "schema": {"type": "string"},
                "description": "As `urls.stream` has it: then no key is needed",
            }
        ]
    },
)  # fmt: skip
async def stream(
    request: Request,
    id: Id,
    last_event_id: Annotated[str | None, Header(description="What was heard already")] = None,
) -> Response:
    """Follow a prediction until it has ended."""
    app, owner, links = services(request), caller(request).owner, links_of(request)
    told, after = story(await app.store.prediction(id, owner)), heard(last_event_id)
    if told[-1].is_end and not rest(told, after):
        return Response(status_code=204)
    is_replicate = request.headers.get("user-agent", "").startswith(_REPLICATE)
    write = _replicate if is_replicate else partial(_ours, links)
    return EventSourceResponse(
        _frames(app, id, owner, after, write),
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _frames(
    app: Services, id: str, owner: str, after: int, write: Callable[[Moment], bytes]
) -> AsyncIterator[bytes]:
    yield RETRY
    with app.streams.watching(id) as changed:
        while not app.streams.is_stopping:
            changed.clear()
            try:
                told = story(await app.store.prediction(id, owner))
            except QueueUnavailable:
                await asyncio.sleep(AGAIN_S)
                yield KEEPALIVE_COMMENT
                continue
            except (PredictionNotFound, PredictionExpired):
                return
            for moment in rest(told, after):
                yield write(moment)
                after = moment.number
            if told[-1].is_end:
                return
            try:
                async with asyncio.timeout(SILENCE_S):
                    await changed.wait()
            except TimeoutError:
                yield KEEPALIVE_COMMENT


def _ours(links: Links, moment: Moment) -> bytes:
    data = line(prediction_json(moment.record, links))
    return format_sse_event(data_str=data, event=moment.event, id=str(moment.number))


def _replicate(moment: Moment) -> bytes:
    """Return what Replicate says then: nothing before the end, then the output, and that it is done."""
    record, number = moment.record, str(moment.number)
    if not moment.is_end:
        return KEEPALIVE_COMMENT
    if moment.event == "error":
        return format_sse_event(data_str=record.get("error", ""), event="error", id=number)
    done = format_sse_event(
        data_str=json.dumps({"reason": "canceled"} if record["status"] == Status.CANCELED else {}),
        event="done", id=str(moment.number + 1),
    )  # fmt: skip
    output = record.get("output")
    return (format_sse_event(data_str=line(output), event="output", id=number) if output else b"") + done
