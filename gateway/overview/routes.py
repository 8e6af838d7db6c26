"""``GET /v1/overview`` and its stream: figures of the whole service, so where there are keys, for admins.

A key with the scope ``read`` sees its own predictions; here are counts of everybody's, and subjects of alerts
that name other keys.
"""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.sse import EventSourceResponse, format_sse_event
from pydantic import BaseModel, Field

from gateway.access import Scope, caller, needs
from gateway.problems import documented
from gateway.schemas import AlertObject
from gateway.services import Services, services

router = APIRouter(prefix="/v1", tags=["service"], dependencies=[Depends(needs(Scope.ADMIN))])

#: When a client that lost its connection comes back, in milliseconds.
RETRY = format_sse_event(retry=2000)

_EVENT = {
    "type": "object",
    "required": ["data"],
    "properties": {
        "event": {"enum": ["present", "history", "away"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
        "retry": {"type": "integer"},
    },
}


class Monitoring(BaseModel):
    """Whether the history is of the present."""

    is_present: bool
    at: float | None


class QueueObject(BaseModel):
    """One queue of a model."""

    lane: str
    waiting: int
    oldest_s: Annotated[float, Field(description="How long the first in it has waited")]


class WorkersObject(BaseModel):
    """How many workers hold one version."""

    version: str
    count: int


class ServedModel(BaseModel):
    """A model that this gateway serves, now."""

    name: str
    queues: list[QueueObject]
    workers: list[WorkersObject]


class Backlog(BaseModel):
    """Webhooks in the outbox."""

    waiting: Annotated[int, Field(description="All that have not ended")]
    due: Annotated[int, Field(description="Of them, those whose time has come")]
    failing: Annotated[int, Field(description="Of the next hundred, those that were tried in vain")]


class Present(BaseModel):
    """The whole service, now. Times are seconds since the epoch, by Redis' clock."""

    at: float
    monitoring: Monitoring
    models: list[ServedModel]
    trainers: Annotated[int, Field(description="Trainers that wait for work or are at it")]
    webhooks: Backlog
    alerts: Annotated[list[AlertObject], Field(description="The newest, newest first")]


class OverviewObject(Present):
    """The whole service, now and lately."""

    history: Annotated[
        dict[str, Any] | None,
        Field(description="What monitoring told last: windows, and figures by model; see docs/monitoring.md"),
    ]


@router.get("/overview", response_model=OverviewObject, responses=documented(401, 403, 503))
async def overview(request: Request) -> JSONResponse:
    """Look at the whole service once."""
    reader = services(request).overview
    return JSONResponse({**await reader.present(), "history": await reader.history()})


@router.get(
    "/overview/stream",
    response_class=StreamingResponse,
    response_description=(
        "`present` every two seconds, `history` whenever monitoring tells something new (`data` is as in "
        "`/v1/overview`), and `away` while Redis is"
    ),
    responses={
        200: {"content": {"text/event-stream": {"schema": _EVENT}}},
        **documented(401, 403),
    },
)
async def stream(request: Request) -> Response:
    """Watch the whole service live."""
    return EventSourceResponse(
        _frames(services(request), caller(request).owner),
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _frames(app: Services, owner: str) -> AsyncIterator[bytes]:
    yield RETRY
    with app.overviews.watching() as watcher:
        while not app.overviews.is_stopping:
            news = await watcher.news()
            # A key that was revoked meanwhile is told nothing more.
            if owner and app.keyring.digest(owner) is None:
                return
            if news:
                yield news
