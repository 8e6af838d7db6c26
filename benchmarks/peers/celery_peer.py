"""Celery: the variants are its pools ``prefork``, ``threads`` and ``solo``, with one process or thread.

Nothing that a queue can do without: no gossip, mingling, heartbeats, events or remote control; acknowledged
early, prefetched generously.
"""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import redis.asyncio
from celery import Celery
from redis import Redis

from benchmarks.peers import model
from benchmarks.peers.peer import CONNECTIONS, Answer, Ask, poll, redis_url, variant

TASK = "predict"
RESULT = "celery-task-meta-"


def fill(texts: Sequence[str]) -> list[str]:
    sender = _sender()
    with sender.producer_pool.acquire(block=True) as producer:
        return [sender.send_task(TASK, (text,), producer=producer).id for text in texts]


def work() -> None:
    app = Celery("peers", broker=redis_url(), backend=redis_url())
    app.conf.update(
        worker_prefetch_multiplier=64,
        worker_disable_rate_limits=True,
        worker_enable_remote_control=False,
        broker_connection_retry_on_startup=True,
    )
    app.task(name=TASK)(model.answer)
    # The children of prefork then find it loaded.
    model.load()
    app.worker_main(
        [
            "worker", "--pool", variant(), "--concurrency", "1", "--loglevel", "WARNING",
            "--without-gossip", "--without-mingle", "--without-heartbeat",
        ]
    )  # fmt: skip


def answers(ids: Sequence[str]) -> list[Answer]:
    found = Redis.from_url(redis_url()).mget([RESULT + id for id in ids])
    return [json.loads(one)["result"] for one in found if one]


@asynccontextmanager
async def asking() -> AsyncIterator[Ask]:
    sender = _sender()
    async with redis.asyncio.from_url(redis_url(), max_connections=CONNECTIONS) as looking:

        async def ask(text: str) -> Answer:
            # In the loop: the change of threads costs more than it hides.
            task = sender.send_task(TASK, (text,))

            async def look() -> Answer | None:
                found = await looking.get(RESULT + task.id)
                answer: Answer | None = json.loads(found)["result"] if found else None
                return answer

            return await poll(look)

        yield ask


def _sender() -> Celery:
    """Return an application without a result backend: with one, it would subscribe to each task."""
    return Celery("peers", broker=redis_url(), backend="disabled://")
