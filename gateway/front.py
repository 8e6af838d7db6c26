"""In front of FastAPI: who asks is found out here, and the hot path goes straight to its route.

FastAPI's and Starlette's layers cost a sixth of a create's CPU (docs/experiments.md), and what they do for
it is little: errors become problems, and the time is measured. Everything else passes through.
"""

import time

from fastapi import FastAPI, Request
from starlette.types import Receive, Scope, Send

from gateway import problems
from gateway.access import NOBODY, Caller, is_public
from gateway.bodies import DirectRoute
from gateway.errors import GatewayError
from gateway.keyring import Keyring
from gateway.lag import Lag
from gateway.metrics import Measured, Metrics


class Front:
    """The gateway as the server sees it.

    Args:
        app: serves everything else, and holds what the routes share.
        route: served here, by its exact path and ``POST``.
        lag: says when to refuse instead.
        keyring: says who asks.
    """

    def __init__(
        self, app: FastAPI, route: DirectRoute, metrics: Metrics, lag: Lag, keyring: Keyring
    ) -> None:
        self._app = app
        self._route = route
        self._metrics = metrics
        self._lag = lag
        self._keyring = keyring

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        caller = self._keyring.known(scope["headers"])
        if caller is None:
            try:
                caller = await self._asked(scope)
            except GatewayError as refusal:
                # Before any route is looked for: without a key, what exists looks like what does not.
                self._metrics.answered(scope["method"], Measured.NO_ROUTE, refusal.status, 0)
                await problems.answer(Request(scope), refusal)(scope, receive, send)
                return
        scope["caller"] = caller
        if scope["path"] == self._route.path and scope["method"] == "POST":
            await self._create(scope, receive, send)
        else:
            await self._pass(scope, receive, send)

    async def _asked(self, scope: Scope) -> Caller:
        if is_public(scope["path"]):
            return NOBODY
        if streaming := self._keyring.streaming(scope["path"], scope["query_string"]):
            return streaming
        return await self._keyring.ask(scope["headers"])

    async def _create(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = time.perf_counter()
        scope["app"], scope["route"] = self._app, self._route
        request = Request(scope, receive)
        status = 500
        try:
            try:
                self._lag.check()
                response = await self._route.respond(request)
            except problems.FORESEEN as error:
                response = problems.answer(request, error)
            except Exception as error:  # noqa: BLE001 - reported, and answered
                problems.report(self._route.path, error)
                response = problems.answer(request, error)
            status = response.status_code
            await response(scope, receive, send)
        finally:
            self._metrics.answered("POST", self._route.path, status, time.perf_counter() - begun)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - reported
            # Answered by ``problems``, unless the answer had begun. The server would log all of it, and its
            # message may quote what a client sent.
            problems.report(scope["path"], error)
