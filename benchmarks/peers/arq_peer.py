"""arq: looks for jobs every 10 ms instead of twice a second, a hundred at once, and does not log each."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import uvloop
from arq import create_pool, func
from arq.connections import RedisSettings
from arq.jobs import Job
from arq.worker import Worker

from benchmarks.peers import model
from benchmarks.peers.peer import Answer, Ask, chunks, poll, redis_url

POLL_S = 0.01
AT_ONCE = 100


async def predict(_: dict[Any, Any], text: str) -> Answer:
    # In the loop: it takes microseconds, a thread would take longer.
    return model.answer(text)


def fill(texts: Sequence[str]) -> list[str]:
    async def enqueue() -> list[str]:
        async with _pool() as pool:
            ids: list[str] = []
            for some in chunks(texts, 200):
                jobs = await asyncio.gather(*(pool.enqueue_job("predict", text) for text in some))
                ids += [job.job_id for job in jobs if job]
            return ids

    return uvloop.run(enqueue())


def work() -> None:
    model.load()
    asyncio.set_event_loop(uvloop.new_event_loop())
    Worker(
        [func(predict, name="predict")],
        redis_settings=RedisSettings.from_dsn(redis_url()),
        poll_delay=POLL_S,
        max_jobs=AT_ONCE,
        log_results=False,
    ).run()


def answers(ids: Sequence[str]) -> list[Answer]:
    async def read() -> list[Answer]:
        async with _pool() as pool:
            found = [await Job(id, pool).result_info() for id in ids]
            return [one.result for one in found if one]

    return asyncio.run(read())


@asynccontextmanager
async def asking() -> AsyncIterator[Ask]:
    async with _pool() as pool:

        async def ask(text: str) -> Answer:
            job = await pool.enqueue_job("predict", text)
            assert job

            async def look() -> Answer | None:
                info = await job.result_info()
                return info.result if info else None

            return await poll(look)

        yield ask


@asynccontextmanager
async def _pool() -> AsyncIterator[Any]:
    pool = await create_pool(RedisSettings.from_dsn(redis_url()))
    try:
        yield pool
    finally:
        await pool.aclose()
