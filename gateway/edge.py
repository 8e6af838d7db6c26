"""What every answer says to a browser, whoever made it: security headers, and which other sites may ask.

Knows paths and headers; never looks into a body, and adds no await of its own.
"""

import base64
import hashlib
import re
from collections.abc import Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Headers = list[tuple[bytes, bytes]]

#: An answer is what it says that it is, is shown in no frame, and tells no other site where the reader was.
ALWAYS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
]
#: Below these lie people's texts: no cache keeps them.
_PRIVATE_BELOW = ("/v1", "/v2")
_PRIVATE: Headers = [*ALWAYS, (b"cache-control", b"no-store")]

#: A page that says nothing else about itself may load nothing and ask nobody.
_PAGE = b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

#: What a page of another site may read of an answer, beside its body.
_READABLE = (
    "Idempotency-Replayed", "Location", "Preference-Applied", "RateLimit", "RateLimit-Policy", "Retry-After",
)  # fmt: skip

_INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


class Edge:
    """ASGI, around everything: adds the headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and add to the head of its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_private = scope["path"].startswith(_PRIVATE_BELOW)

        async def completed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"]
                message["headers"] = [*headers, *(_PRIVATE if is_private else _public(headers))]
            await send(message)

        await self._app(scope, receive, completed)


def guarded(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    """Return the application with its edge; ``origins`` are other sites whose pages may ask, with a key."""
    if not origins:
        return Edge(app)
    # Outside of whoever asks for a key: a browser sends none with the question whether it may.
    return Edge(
        CORSMiddleware(
            app, allow_origins=origins, allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["*"], expose_headers=_READABLE,
        )
    )  # fmt: skip


def page_policy(page: bytes) -> str:
    """Return the Content-Security-Policy of our own page: files of this machine, its inline scripts."""
    digests = (
        base64.b64encode(hashlib.sha256(script).digest()).decode() for script in _INLINE_SCRIPT.findall(page)
    )
    scripts = " ".join(["'self'", *(f"'sha256-{digest}'" for digest in digests)])
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


def _public(headers: Headers) -> Headers:
    named = dict(headers)
    is_page = named.get(b"content-type", b"").startswith(b"text/html")
    if not is_page or b"content-security-policy" in named:
        return ALWAYS
    return [*ALWAYS, (b"content-security-policy", _PAGE)]
