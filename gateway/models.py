"""``/v1/models``: what is served. Replicate's objects of a model and a version, and what else is known."""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import version as installed
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from contract.registry import CHAMPION, MODEL_OWNER
from gateway.access import Scope, needs
from gateway.catalog import Known, Registered, Version
from gateway.errors import ModelNotFound
from gateway.problems import documented
from gateway.schemas import Output, PredictionInput
from gateway.services import base_url_of, services
from gateway.times import rfc3339

router = APIRouter(prefix="/v1/models", tags=["models"], dependencies=[Depends(needs(Scope.READ))])

Owner = Annotated[str, Path(description=f"`{MODEL_OWNER}`")]
Name = Annotated[str, Path(description="A registered model")]
Number = Annotated[str, Path(description="The registry's number of a version", examples=["3"])]


class Gate(BaseModel):
    """What the trainer's gate said of a version, and why."""

    verdict: Annotated[str, Field(examples=["passed", "refused"])]
    reasons: list[str]


class VersionObject(BaseModel):
    """One version of a model. A superset of Replicate's."""

    id: Annotated[str, Field(description="The registry's number", examples=["3"])]
    created_at: str
    cog_version: Annotated[str, Field(description="Empty: Cog had no part in it")]
    openapi_schema: Annotated[dict[str, Any], Field(description="`Input` and `Output` of a prediction")]
    description: str
    aliases: Annotated[list[str], Field(examples=[["champion"]])]
    labels: Annotated[list[str], Field(description="What it can answer")]
    metrics: Annotated[dict[str, float], Field(description="Measured on texts that it was not trained on")]
    data_digest: Annotated[str | None, Field(description="Of the rows that it was trained on")]
    gate: Gate | None
    served_by: Annotated[int, Field(description="Workers that hold it now")]


class ModelObject(BaseModel):
    """A model that this gateway serves. A superset of Replicate's."""

    url: str
    owner: str
    name: str
    description: str
    visibility: Literal["private"]
    github_url: None
    paper_url: None
    license_url: None
    cover_image_url: None
    run_count: Annotated[int, Field(description="Not counted: 0")]
    default_example: None
    latest_version: Annotated[
        VersionObject | None, Field(description="The one that answers where a request names none")
    ]
    aliases: Annotated[dict[str, str], Field(examples=[{"champion": "3", "previous": "2"}])]


class ModelList(BaseModel):
    """All models that this gateway serves, the default first: always one page."""

    previous: None
    next: None
    results: list[ModelObject]


class VersionList(BaseModel):
    """All versions of a model, newest first: always one page."""

    previous: None
    next: None
    results: list[VersionObject]


@router.get("", response_model=ModelList, responses=documented(401, 403, 503))
async def models(request: Request) -> JSONResponse:
    """List what is served."""
    app = services(request)
    found = {name: await app.catalog.model(name) for name in app.settings.served}
    results = [await _model(request, name, known.model) for name, known in found.items()]
    oldest = max(found.values(), key=lambda known: known.age_s)
    return _page(results, oldest)


@router.get("/{owner}/{name}", response_model=ModelObject, responses=documented(401, 403, 404, 422, 503))
async def model(request: Request, owner: Owner, name: Name) -> JSONResponse:
    """Read one model."""
    known = await _known(request, owner, name)
    return JSONResponse(await _model(request, name, known.model), headers=known.headers)


@router.get(
    "/{owner}/{name}/versions", response_model=VersionList, responses=documented(401, 403, 404, 422, 503)
)
async def versions(request: Request, owner: Owner, name: Name) -> JSONResponse:
    """List all versions of a model, those too that never served."""
    known = await _known(request, owner, name)
    held = await services(request).store.holders(name)
    return _page([_version(each, known.model, held) for each in known.model.versions], known)


@router.get(
    "/{owner}/{name}/versions/{number}",
    response_model=VersionObject,
    responses=documented(401, 403, 404, 422, 503),
)
async def version(request: Request, owner: Owner, name: Name, number: Number) -> JSONResponse:
    """Read one version of a model."""
    known = await _known(request, owner, name)
    found = _find(known.model, number)
    if found is None:
        raise ModelNotFound(f"{name!r} has no such version.")
    held = await services(request).store.holders(name)
    return JSONResponse(_version(found, known.model, held), headers=known.headers)


async def _known(request: Request, owner: str, name: str) -> Known:
    """Return what is known of a model that is served.

    Raises:
        ModelNotFound: it is not.
        RegistryUnavailable: nothing is known of it.
    """
    check_served(request, owner, name)
    return await services(request).catalog.model(name)


def check_served(request: Request, owner: str, name: str) -> None:
    """Let pass the name of a model that this gateway serves.

    Raises:
        ModelNotFound: it does not.
    """
    served = services(request).settings.served
    if owner != MODEL_OWNER or name not in served:
        there = ", ".join(f"{MODEL_OWNER}/{one}" for one in served)
        raise ModelNotFound(f"No such model; this gateway serves {there}.")


def _page(results: list[dict[str, Any]], known: Known) -> JSONResponse:
    return JSONResponse({"previous": None, "next": None, "results": results}, headers=known.headers)


def _find(model: Registered, number: str | None) -> Version | None:
    return next((each for each in model.versions if each.number == number), None)


async def _model(request: Request, name: str, model: Registered) -> dict[str, Any]:
    """Return a model as clients see it."""
    champion = _find(model, model.aliases.get(CHAMPION))
    held = await services(request).store.holders(name)
    return {
        "url": f"{base_url_of(request)}/v1/models/{MODEL_OWNER}/{name}",
        "owner": MODEL_OWNER,
        "name": name,
        "description": model.description,
        "visibility": "private",
        "github_url": None,
        "paper_url": None,
        "license_url": None,
        "cover_image_url": None,
        "run_count": 0,
        "default_example": None,
        "latest_version": champion and _version(champion, model, held),
        "aliases": dict(model.aliases),
    }


def _version(version: Version, model: Registered, held: Mapping[str, int]) -> dict[str, Any]:
    """Return a version as clients see it."""
    return {
        "id": version.number,
        "created_at": rfc3339(version.created_at),
        "cog_version": "",
        "openapi_schema": _schema(),
        "description": version.description,
        "aliases": sorted(alias for alias, number in model.aliases.items() if number == version.number),
        "labels": list(version.labels),
        "metrics": dict(version.metrics),
        "data_digest": f"sha256:{version.data_sha256}" if version.data_sha256 else None,
        "gate": {"verdict": version.gate, "reasons": list(version.gate_reasons)} if version.gate else None,
        "served_by": held.get(version.number, 0),
    }


@cache
def _schema() -> dict[str, Any]:
    """Return what every version reads and answers, where Replicate's clients look for it."""
    parts: dict[str, Any] = {}
    for name, kind in (("Input", PredictionInput), ("Output", Output)):
        schema = kind.model_json_schema(ref_template="#/components/schemas/{model}")
        parts |= {**schema.pop("$defs", {}), name: {**schema, "title": name}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Barometer", "version": installed("barometer")},
        "paths": {},
        "components": {"schemas": parts},
    }
