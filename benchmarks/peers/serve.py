"""``python -m benchmarks.peers.serve NAME PORT``: one text a request, as Barometer's gateway takes it.

``ceiling`` answers a constant, ``single``, ``batched-thread`` and ``batched-loop`` hold the model in the
server's process and keep nothing, ``litserve`` is LitServe, ``queue`` puts FastAPI before the queue named in
``PEER``. One server process each, uvloop, httptools, no access log.
"""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from benchmarks.peers import model
from benchmarks.peers.batching import Batcher
from benchmarks.peers.peer import Answer, Ask, peer

PATH = "/v1/predictions"
CONSTANT: Answer = {"label": "positive", "score": 1.0, "scores": {"positive": 1.0}}


class Input(BaseModel):
    text: str


class Body(BaseModel):
    input: Input


def application(asking: AbstractAsyncContextManager[Ask]) -> FastAPI:
    """Return the web server that asks this way."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with asking as app.state.ask:
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post(PATH)
    async def predict(body: Body, request: Request) -> JSONResponse:
        # A response of its own: FastAPI does not validate and encode it once more.
        return JSONResponse(await request.app.state.ask(body.input.text))

    return app


@asynccontextmanager
async def constant() -> AsyncIterator[Ask]:
    async def ask(_: str) -> Answer:
        return CONSTANT

    yield ask


@asynccontextmanager
async def single() -> AsyncIterator[Ask]:
    model.load()

    async def ask(text: str) -> Answer:
        return model.answer(text)

    yield ask


@asynccontextmanager
async def batched(*, in_thread: bool) -> AsyncIterator[Ask]:
    model.load()
    async with Batcher(model.answers, in_thread=in_thread) as batcher:
        yield batcher.ask


def main() -> None:
    name, port = sys.argv[1], int(sys.argv[2])
    if name == "litserve":
        from benchmarks.peers import litserve_server

        litserve_server.run(PATH, port)
        return
    uvicorn.run(
        application(_asking(name)), host="127.0.0.1", port=port, access_log=False, log_level="warning"
    )


def _asking(name: str) -> AbstractAsyncContextManager[Ask]:
    match name:
        case "ceiling":
            return constant()
        case "single":
            return single()
        case "batched-thread" | "batched-loop":
            return batched(in_thread=name == "batched-thread")
        case _:
            return peer(os.environ["PEER"]).asking()


if __name__ == "__main__":
    main()
