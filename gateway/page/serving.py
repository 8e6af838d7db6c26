"""Serving the page's files: what a browser may do with them, and for how long it may keep them.

Knows nothing of what they show. Addresses within the page are relative, so it works behind a path as well.
"""

import logging
from pathlib import Path

from fastapi import FastAPI, Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

log = logging.getLogger(__name__)

_FILES = Path(__file__).with_name("static")
#: Files and answers of this address, and nothing else: no inline script or style, no frame, no form.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class _Files(StaticFiles):
    """Static files that a browser asks after each time: unchanged ones are answered with 304."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file, or that the browser's copy is still right."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        if response.headers.get("Content-Type", "").startswith("text/html"):
            response.headers["Content-Security-Policy"] = _POLICY
        return response


def add_to(app: FastAPI) -> None:
    """Serve the page at ``/`` and its files below ``/page``."""
    files = _Files(directory=_FILES)
    app.mount("/page", files, name="page")

    @app.get("/", include_in_schema=False)
    async def page(request: Request) -> Response:
        return await files.get_response("index.html", request.scope)

    if not (_FILES / "charts" / "uPlot.iife.min.js").is_file():
        log.warning(
            "page.charts_missing",
            extra={"hint": "the page shows tables; install again with the npm registry in reach"},
        )
