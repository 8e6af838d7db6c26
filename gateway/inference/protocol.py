"""``/v2``: the Open Inference Protocol's bodies, and what it tells of server and models.

So that clients of other inference servers work unmodified. Errors are ``{"error": "..."}``.
"""

from importlib.metadata import version as installed
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, Field

from gateway.access import Scope, needs
from gateway.errors import ModelNotFound, NoWorker
from gateway.inference import tensors
from gateway.services import Services, services

router = APIRouter(prefix="/v2", tags=["inference"])
predicts = [Depends(needs(Scope.PREDICT))]

Model = Annotated[str, Path(description="A registered model")]
Number = Annotated[str, Path(description="A version that workers hold now", examples=["3"])]


class ProtocolError(BaseModel):
    """What every error under ``/v2`` answers."""

    error: str


class ServerMetadata(BaseModel):
    """Who answers."""

    name: str
    version: str
    extensions: list[str]


class Liveness(BaseModel):
    """It lives."""

    live: bool


class Readiness(Liveness):
    """The specification's readiness says ``live``, too."""

    ready: bool


class ModelReadiness(BaseModel):
    """A model that answers."""

    name: str
    ready: bool


class TensorMetadata(BaseModel):
    """A tensor; -1 stands for any number."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(BaseModel):
    """What a model reads and answers."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class ResponseTensor(TensorMetadata):
    """An output: its values are in ``data``, or behind the JSON, in the order of the outputs."""

    parameters: dict[str, int] | None = None
    data: list[str] | list[float] | None = None


class InferenceResponse(BaseModel):
    """All answers. ``model_version`` is missing where a new version took over between two texts."""

    model_name: str
    model_version: Annotated[str | None, Field(description="The version that answered")] = None
    id: str | None = None
    outputs: list[ResponseTensor]


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI responses of these error statuses."""
    return {status: {"model": ProtocolError} for status in statuses}


@router.get("", response_model=ServerMetadata, responses=errors(401, 403), dependencies=predicts)
async def server() -> dict[str, Any]:
    """Say who answers."""
    return {"name": "barometer", "version": installed("barometer"), "extensions": ["binary_tensor_data"]}


@router.get("/health/live", response_model=Liveness)
async def live() -> dict[str, bool]:
    """Answer as long as the process does."""
    return {"live": True}


@router.get("/health/ready", response_model=Readiness, responses=errors(503))
async def ready(request: Request) -> dict[str, bool]:
    """Answer 200 when each model has a worker."""
    for model in services(request).settings.served:
        await held(request, model)
    return {"live": True, "ready": True}


@router.get(
    "/models/{model}", response_model=ModelMetadata, responses=errors(401, 403, 404, 503),
    dependencies=predicts,
)  # fmt: skip
async def model_metadata(request: Request, model: Model) -> dict[str, Any]:
    """Say what a model reads and answers, and which versions answer now."""
    app = services(request)
    check_model(app, model)
    return _metadata(model, await app.store.serving(model))


@router.get(
    "/models/{model}/versions/{number}", response_model=ModelMetadata,
    responses=errors(401, 403, 404, 503), dependencies=predicts,
)  # fmt: skip
async def version_metadata(request: Request, model: Model, number: Number) -> dict[str, Any]:
    """Say what a version reads and answers."""
    return _metadata(model, await held(request, model, number))


@router.get(
    "/models/{model}/ready", response_model=ModelReadiness, responses=errors(401, 403, 404, 503),
    dependencies=predicts,
)  # fmt: skip
async def model_ready(request: Request, model: Model) -> dict[str, Any]:
    """Answer 200 when a worker holds the model."""
    await held(request, model)
    return {"name": model, "ready": True}


@router.get(
    "/models/{model}/versions/{number}/ready", response_model=ModelReadiness,
    responses=errors(401, 403, 404, 503), dependencies=predicts,
)  # fmt: skip
async def version_ready(request: Request, model: Model, number: Number) -> dict[str, Any]:
    """Answer 200 when a worker holds the version."""
    await held(request, model, number)
    return {"name": model, "ready": True}


def check_model(app: Services, model: str) -> None:
    """Let a model pass that this gateway serves.

    Raises:
        ModelNotFound: it does not.
    """
    if model not in app.settings.served:
        raise ModelNotFound(
            f"No such model; this gateway serves {', '.join(map(repr, app.settings.served))}."
        )


async def held(request: Request, model: str, number: str | None = None) -> set[str]:
    """Return the versions of a model that answer now, or the one that is asked for.

    Raises:
        ModelNotFound: the model is not served, or not in this version.
        NoWorker: nobody serves it yet.
    """
    app = services(request)
    check_model(app, model)
    serving = await app.store.serving(model)
    if number is not None:
        if number not in serving:
            there = ", ".join(sorted(serving)) or "none"
            raise ModelNotFound(f"No worker holds this version of {model!r}; served now: {there}.")
        return {number}
    if not serving:
        raise NoWorker(f"No worker holds the model {model!r} yet; what is sent waits in the queue.")
    return serving


def _metadata(model: str, versions: set[str]) -> dict[str, Any]:
    shapes = {False: [-1], True: [-1, -1]}
    return {
        "name": model,
        "versions": sorted(versions, key=lambda number: (len(number), number)),
        "platform": "mlflow_pyfunc",
        "inputs": [{"name": tensors.INPUT, "datatype": "BYTES", "shape": [-1]}],
        "outputs": [
            {"name": name, "datatype": datatype, "shape": shapes[has_rows]}
            for name, (datatype, has_rows) in tensors.OUTPUTS.items()
        ],
    }
