"""A queue with predictions in it, put there by the gateway's own code."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from gateway.admission import Admission, Bounds, NewPrediction
from tests.worker.registering import Mlflow
from worker.queue import Queue

Submit = Callable[..., list[str]]

WEBHOOK = "https://receiver.example/hook"


def submit_to(url: str, *texts: str, ids: tuple[str, ...] = (), **fields: Any) -> list[str]:
    """Submit texts as the gateway does; ids sort in the order of the texts, ``fields`` are those of each."""
    options = fields.pop("options", {})
    write = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

    async def submit() -> list[str]:
        redis = AsyncRedis.from_url(url, decode_responses=True)
        admission = Admission(redis, "sentiment", Bounds(10_000, 2**28))
        named = ids or tuple(f"p{number:04}" for number in range(len(texts)))
        for id, text in zip(named, texts, strict=True):
            await admission.admit(
                NewPrediction(id=id, model="sentiment", input=write({"text": text, **options}), **fields)
            )
        await redis.aclose()
        return list(named)

    return asyncio.run(submit())


@pytest.fixture
def redis(redis_server) -> Redis:
    return Redis.from_url(redis_server.url, decode_responses=True)


@pytest.fixture
def submit(redis_server) -> Submit:
    return lambda *texts, **rest: submit_to(redis_server.url, *texts, **rest)


@pytest.fixture
def queue(redis: Redis) -> Queue:
    return Queue(redis, "sentiment", "worker-1")


@pytest.fixture(scope="session")
def mlflow() -> Iterator[Mlflow]:
    server = Mlflow()
    yield server
    server.stop()
