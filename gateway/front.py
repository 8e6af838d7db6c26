"""The hot path in front of FastAPI: a create goes straight to its route.

FastAPI's and Starlette's layers cost a sixth of a create's CPU (docs/experiments.md), and what they do for
it is little: errors become problems, and the time is measured. Everything else passes through.
"""

import time

from fastapi import FastAPI, Request
from starlette.types import Receive, Scope, Send

from gateway import problems
from gateway.bodies import DirectRoute
from gateway.lag import Lag
from gateway.metrics import Metrics


class Front:
    """The gateway as the server sees it.

    Args:
        app: serves everything else, and holds what the routes share.
        route: served here, by its exact path and ``POST``.
        lag: says when to refuse instead.
    """

    def __init__(self, app: FastAPI, route: DirectRoute, metrics: Metrics, lag: Lag) -> None:
        self._app = app
        self._route = route
        self._metrics = metrics
        self._lag = lag

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"] != self._route.path or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        scope["app"], scope["route"] = self._app, self._route
        request = Request(scope, receive)
        status = 500
        try:
            try:
                self._lag.check()
                response = await self._route.respond(request)
            except Exception as error:  # noqa: BLE001 - every error is answered; the unexpected is logged there
                response = problems.answer(request, error)
            status = response.status_code
            await response(scope, receive, send)
        finally:
            self._metrics.answered("POST", self._route.path, status, time.perf_counter() - begun)
