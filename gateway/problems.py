"""Every error as ``application/problem+json`` (RFC 9457), whoever raised it."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from gateway.errors import GatewayError

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
#: Paths of the Open Inference Protocol, whose errors are ``{"error": "..."}``.
OTHER_PROTOCOL = "/v2"

_TITLES = {404: "Not found", 405: "Method not allowed"}
_CODES = {404: "not_found", 405: "method_not_allowed"}


class FieldProblem(BaseModel):
    """One field at fault."""

    detail: str
    pointer: str = Field(description="RFC 6901, as a fragment", examples=["#/input/text"])


class Problem(BaseModel):
    """What every error answers."""

    model_config = ConfigDict(title="Problem")

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str
    code: str = Field(description="Stable; decide by this one")
    errors: list[FieldProblem] = []


#: What a client is told why of; every other error is reported here and told as "internal".
FORESEEN = (GatewayError, RequestValidationError, HTTPException)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI responses of these error statuses."""
    return {status: {"model": Problem} for status in statuses}


def install(app: FastAPI) -> None:
    """Answer every error of ``app`` as a problem."""
    for kind in (*FORESEEN, Exception):
        app.add_exception_handler(kind, _answered)


async def _answered(request: Request, error: Exception) -> JSONResponse:
    return answer(request, error)


def answer(request: Request, error: Exception) -> JSONResponse:
    """Return what a client is told of an error. One that is not foreseen is for the caller to report."""
    if isinstance(error, GatewayError):
        return _ours(request, error)
    if isinstance(error, RequestValidationError):
        return _invalid(request, error)
    if isinstance(error, HTTPException):
        return _http(request, error)
    return _unexpected(request)


def _ours(request: Request, error: GatewayError) -> JSONResponse:
    return _answer(
        request, error.status, error.code, error.title, error.detail, error.problems, dict(error.headers)
    )


def _http(request: Request, error: HTTPException) -> JSONResponse:
    status = error.status_code
    title = _TITLES.get(status, "Refused")
    headers = dict(error.headers or {})
    if status == 405:
        # Starlette names the methods of the first route that fits the path; others may have more.
        headers["Allow"] = ", ".join(_methods(request.app, request.url.path))
    return _answer(request, status, _CODES.get(status, "refused"), title, str(error.detail), (), headers)


def _methods(app: FastAPI, path: str) -> list[str]:
    """Return what may be asked of a path, as the description says."""
    described: Mapping[str, Mapping[str, Any]] = app.openapi()["paths"]
    found = [operations for place, operations in described.items() if compile_path(place)[0].match(path)]
    return sorted({method.upper() for operations in found for method in operations}) or ["GET"]


def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    faults = error.errors()
    if any(fault["type"] == "json_invalid" for fault in faults):
        reason = str(faults[0].get("ctx", {}).get("error", "not JSON"))
        return _answer(request, 400, "malformed", "Malformed request", f"The body is not JSON: {reason}.")
    problems = [{"detail": _sentence(fault), "pointer": _pointer(fault["loc"])} for fault in faults]
    detail = "; ".join(f"{problem['pointer']}: {problem['detail']}" for problem in problems[:3])
    return _answer(request, 422, "invalid", "Invalid request", detail, problems)


def report(path: str, error: Exception) -> None:
    """Log an error by its class and place, not its message: that may quote what the client sent."""
    cause = error.__cause__ or error
    place = cause.__traceback__
    while place and place.tb_next:
        place = place.tb_next
    where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place else ""
    log.error("request.failed", extra={"path": path, "error": type(cause).__name__, "where": where})


def _unexpected(request: Request) -> JSONResponse:
    # Reported by whoever calls the app, where errors arrive that come after the answer began, too.
    return _answer(
        request, 500, "internal", "Internal error", "Something went wrong here; it has been logged."
    )


def _sentence(fault: Mapping[str, Any]) -> str:
    """Pydantic's message, without the value that was sent."""
    if fault["type"] == "extra_forbidden":
        return "Unknown field"
    return str(fault["msg"]).removeprefix("Value error, ")


def _pointer(location: Sequence[int | str]) -> str:
    """RFC 6901: ``("body", "input", "text")`` becomes ``#/input/text``."""
    parts = [str(part).replace("~", "~0").replace("/", "~1") for part in location[1:]]
    return "#/" + "/".join(parts) if parts else "#"


def _answer(
    request: Request,
    status: int,
    code: str,
    title: str,
    detail: str,
    problems: Sequence[Mapping[str, str]] = (),
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    if request.url.path.startswith(OTHER_PROTOCOL):
        # It knows no 422.
        return JSONResponse({"error": detail}, 400 if status == 422 else status, headers)
    body = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": request.url.path,
        "code": code,
        "errors": list(problems),
    }
    return JSONResponse(body, status, headers, MEDIA_TYPE)
