"""A queue with predictions in it, put there by the gateway's own code."""

import asyncio
from collections.abc import Callable

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from gateway.admission import Admission, NewPrediction
from worker.queue import Queue

Submit = Callable[..., list[str]]

WEBHOOK = "https://receiver.example/hook"


def submit_to(url: str, *texts: str, webhook: str | None = None, ids: tuple[str, ...] = ()) -> list[str]:
    """Submit texts as the gateway does; ids sort in the order of the texts."""

    async def submit() -> list[str]:
        redis = AsyncRedis.from_url(url, decode_responses=True)
        admission = Admission(redis, "sentiment", limit=10_000)
        named = ids or tuple(f"p{number:04}" for number in range(len(texts)))
        for id, text in zip(named, texts, strict=True):
            await admission.admit(
                NewPrediction(id=id, model="sentiment", input={"text": text}, webhook=webhook)
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
