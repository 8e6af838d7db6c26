"""Promotion and rollback of a model, and what became of them: the trainer does it, and tells who asked."""

import logging
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from contract.jobs import PROMOTE, ROLL_BACK
from gateway.access import Scope, caller, needs
from gateway.bodies import body_of, read_body
from gateway.models import Name, Owner, check_served
from gateway.problems import documented
from gateway.services import base_url_of, services
from gateway.trainings.queue import Training
from gateway.trainings.telling import Status

log = logging.getLogger(__name__)

router = APIRouter(prefix="/v1", tags=["models"], dependencies=[Depends(needs(Scope.ADMIN))])


class WhichVersion(BaseModel):
    """A version of the model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Annotated[
        str, Field(pattern="^[0-9]{1,9}$", description="The registry's number", examples=["3"])
    ]


class Promotion(WhichVersion):
    """A version that shall serve."""

    without_shadow: Annotated[
        str | None,
        Field(
            max_length=500,
            description="Why it need not do well in the champion's shadow first; the trail keeps it",
            examples=["no traffic yet"],
        ),
    ] = None


class TrainingUrls(BaseModel):
    """Where to go next."""

    get: str


class TrainingObject(BaseModel):
    """A job on the trainer's queue. One that the gate refused is ``refused``; ``said`` is for people."""

    id: str
    description: str
    status: Status
    said: str
    created_at: str
    started_at: str | None
    ended_at: str | None
    urls: TrainingUrls


@router.post(
    "/models/{owner}/{name}/promote",
    status_code=202,
    response_model=TrainingObject,
    responses=documented(400, 401, 403, 404, 408, 413, 422, 503),
    openapi_extra=body_of(Promotion),
)
async def promote(request: Request, owner: Owner, name: Name) -> JSONResponse:
    """Let a version serve, if the gate has passed it and it did well in the champion's shadow.

    The champion becomes the previous version.
    """
    check_served(request, owner, name)
    wanted = await read_body(request, Promotion)
    arguments = {
        "model": name,
        "version": wanted.version,
        "by": _by(request),
        "without_shadow": wanted.without_shadow or "",
    }
    return await _asked(request, PROMOTE, arguments, f"promotion of {name} {wanted.version}")


@router.post(
    "/models/{owner}/{name}/rollback",
    status_code=202,
    response_model=TrainingObject,
    responses=documented(400, 401, 403, 404, 408, 413, 422, 503),
    openapi_extra=body_of(WhichVersion),
)
async def rollback(request: Request, owner: Owner, name: Name) -> JSONResponse:
    """Take a champion back: the previous version serves again. If it is champion no more, nothing happens."""
    check_served(request, owner, name)
    wanted = await read_body(request, WhichVersion)
    arguments = {"model": name, "version": wanted.version, "why": "rolled back by hand", "by": _by(request)}
    return await _asked(request, ROLL_BACK, arguments, f"rollback of {name} {wanted.version}")


@router.get(
    "/trainings/{id}",
    response_model=TrainingObject,
    responses=documented(401, 403, 404, 422, 503),
)
async def training(
    request: Request,
    id: Annotated[str, Path(max_length=200, description="A job's id, also one of `retrain` or monitoring")],
) -> JSONResponse:
    """Read what became of a job on the trainer's queue."""
    return JSONResponse(_object(request, await services(request).trainings.training(id)))


async def _asked(
    request: Request, function: str, arguments: Mapping[str, Any], description: str
) -> JSONResponse:
    asked = await services(request).trainings.ask(function, arguments, description)
    log.info("trainer.asked", extra={"job": asked.id, "asked": description, "by": arguments["by"]})
    told = _object(request, asked)
    return JSONResponse(told, 202, {"Location": told["urls"]["get"]})


def _by(request: Request) -> str:
    """Return who asks, as the trail of the model's aliases shall have it."""
    owner = caller(request).owner
    return f"key {owner}" if owner else "anybody at the gateway"


def _object(request: Request, training: Training) -> dict[str, Any]:
    """Return a job as clients see it."""
    return {
        "id": training.id,
        "description": training.description,
        "status": training.status,
        "said": training.said,
        "created_at": training.created_at,
        "started_at": training.started_at,
        "ended_at": training.ended_at,
        "urls": {"get": f"{base_url_of(request)}/v1/trainings/{training.id}"},
    }
