"""Reading a JSON body strictly, before anything else sees it, and the route that does.

What Python's parser lets pass and others do not (a key twice, NaN, endless nesting, numbers of a million
digits) is refused with one sentence, so that two readers of the same bytes can never disagree.
"""

import asyncio
import json
import math
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NoReturn, TypeVar, cast

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.types import Receive, Scope, Send

from gateway.errors import BadHeader, BodyTooLarge, BrokenOff, UploadTooSlow
from gateway.services import services

_JSON = re.compile(r"application/([\w.-]+\+)?json\s*(;|$)", re.IGNORECASE)


class DirectRoute(APIRoute):
    """A route that FastAPI documents and we serve.

    Its endpoint takes ``(request, body, prefer, cancel_after, idempotency_key)``.

    FastAPI's dependencies and exit stacks took a third of a create's CPU (docs/experiments.md). What they did
    for this route is a body and three headers; errors are raised as FastAPI raises them.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self._body: TypeAdapter[Any] = TypeAdapter(endpoint.__annotations__["body"])
        self.app = self._serve

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self.respond(Request(scope, receive))
        await response(scope, receive, send)

    async def respond(self, request: Request) -> Response:
        """Answer one request; raises what FastAPI would."""
        headers = {name: value.decode("latin-1") for name, value in request.scope["headers"]}
        body = await _validated(request, headers, self._body)
        response: Response = await self.endpoint(
            request,
            body,
            headers.get(b"prefer"),
            headers.get(b"cancel-after"),
            headers.get(b"idempotency-key"),
        )
        return response


M = TypeVar("M", bound=BaseModel)


async def read_body(request: Request, model: type[M]) -> M:
    """Return the body of a request, checked as strictly as the hot path does; raises what FastAPI would."""
    headers = {name: value.decode("latin-1") for name, value in request.scope["headers"]}
    return cast("M", await _validated(request, headers, _adapter(model)))


@cache
def _adapter(model: Any) -> TypeAdapter[Any]:
    return TypeAdapter(model)


async def _validated(request: Request, headers: Mapping[bytes, str], adapter: TypeAdapter[Any]) -> Any:
    try:
        return adapter.validate_python(await read_json(request, headers))
    except ValidationError as error:
        faults = [{**fault, "loc": ("body", *fault["loc"])} for fault in error.errors(include_url=False)]
        raise RequestValidationError(faults) from None
    except json.JSONDecodeError as error:
        fault = {"type": "json_invalid", "loc": ("body", error.pos), "ctx": {"error": error.msg}}
        raise RequestValidationError([fault]) from None


def body_of(model: type[BaseModel]) -> dict[str, Any]:
    """Return the OpenAPI description of a body that :func:`read_body` reads."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


async def read_json(request: Request, headers: Mapping[bytes, str]) -> Any:
    """Return the parsed body.

    Raises:
        BadHeader: it does not say that it is JSON; any page can make a browser send such a one.
        BodyTooLarge: it is larger than the operator takes, whether it said so or not.
        UploadTooSlow: it takes longer to come than the operator waits.
        json.JSONDecodeError: it is not JSON, or means different things to different readers.
    """
    if not _JSON.match(headers.get(b"content-type", "")):
        raise BadHeader("Content-Type must be application/json.")
    return parse(await read_raw(request, headers))


async def read_raw(request: Request, headers: Mapping[bytes, str]) -> bytes:
    """Return the body; raises BodyTooLarge and UploadTooSlow as :func:`read_json` does."""
    settings = services(request).settings
    limit = settings.body_limit
    announced = headers.get(b"content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise BodyTooLarge(f"The body is larger than {limit} bytes.")
    return await _read(request, limit, settings.body_patience.total_seconds())


def parse(body: bytes) -> Any:
    """Return what a body says.

    Raises:
        json.JSONDecodeError: it is not JSON, or means different things to different readers.
    """
    try:
        return strict.decode(body.decode("utf-8"))
    except json.JSONDecodeError:
        raise
    except UnicodeDecodeError as error:
        raise json.JSONDecodeError(f"not UTF-8 at byte {error.start}", "", error.start) from None
    except RecursionError:
        raise json.JSONDecodeError("nested too deeply", "", 0) from None
    except ValueError as error:
        raise json.JSONDecodeError(str(error), "", 0) from None


async def _read(request: Request, limit: int, patience_s: float) -> bytes:
    """Read no further than the limit, and no longer than there is patience."""
    # Nearly every body is there at once. That its first byte comes in time is the connection's matter: a
    # timer costs more than all else here.
    received: bytes | bytearray
    received, has_more = await _chunk(request)
    if has_more:
        received = bytearray(received)
        try:
            async with asyncio.timeout(patience_s):
                while has_more and len(received) <= limit:
                    chunk, has_more = await _chunk(request)
                    received += chunk
        except TimeoutError:
            raise UploadTooSlow(f"The body did not come within {patience_s:g} s.") from None
    if len(received) > limit:
        raise BodyTooLarge(f"The body is larger than {limit} bytes.")
    return bytes(received)


async def _chunk(request: Request) -> tuple[bytes, bool]:
    message = await request.receive()
    if message["type"] == "http.disconnect":
        raise BrokenOff("The connection ended before the body did.")
    return message.get("body", b""), message.get("more_body", False)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has the same key twice")
    return found


def _float(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError("a number is too large")
    return value


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


#: Made once: json.loads with hooks makes a new decoder for each call.
strict = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_constant, parse_float=_float)
