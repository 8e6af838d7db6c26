"""Reading a JSON body strictly, before anything else sees it.

What Python's parser lets pass and others do not (a key twice, NaN, endless nesting, numbers of a million
digits) is refused with one sentence, so that two readers of the same bytes can never disagree.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException


class BodyTooLarge(HTTPException):
    """More bytes than the operator takes. Of Starlette's kind: FastAPI lets no other pass."""

    def __init__(self, limit: int) -> None:
        super().__init__(413, f"The body is larger than {limit} bytes.", {"Connection": "close"})


class StrictRequest(Request):
    """A request whose body has a limit, and whose JSON must mean one thing only."""

    async def body(self) -> bytes:
        """Return the body, read no further than the limit of ``app.state.services.settings``.

        Raises:
            BodyTooLarge: it is larger, whether it said so or not.
        """
        if not hasattr(self, "_body"):
            limit: int = self.app.state.services.settings.body_limit
            self._body = await _read(self, limit)
        return self._body

    async def json(self) -> Any:
        """Return the parsed body.

        Raises:
            json.JSONDecodeError: it is not JSON, or means different things to different readers.
        """
        body = await self.body()
        try:
            return json.loads(body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_constant)
        except json.JSONDecodeError:
            raise
        except UnicodeDecodeError as error:
            raise json.JSONDecodeError(f"not UTF-8 at byte {error.start}", "", error.start) from None
        except RecursionError:
            raise json.JSONDecodeError("nested too deeply", "", 0) from None
        except ValueError as error:
            raise json.JSONDecodeError(str(error), "", 0) from None


class StrictRoute(APIRoute):
    """A route that reads its body strictly."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        """Wrap the handler so that it meets a StrictRequest."""
        handler = super().get_route_handler()

        async def strict(request: Request) -> Response:
            return await handler(StrictRequest(request.scope, request.receive))

        return strict


async def _read(request: Request, limit: int) -> bytes:
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise BodyTooLarge(limit)
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > limit:
            raise BodyTooLarge(limit)
    return bytes(received)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has the same key twice")
    return found


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
