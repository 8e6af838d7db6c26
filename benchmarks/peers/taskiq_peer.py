"""taskiq on Redis: ``list`` pops jobs (and loses them with their worker), ``stream`` acknowledges them.

Parameters are not validated, results expire after an hour, a hundred tasks run at once.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import uvloop
from taskiq import AsyncBroker, AsyncTaskiqDecoratedTask
from taskiq.api import run_receiver_task
from taskiq_redis import ListQueueBroker, RedisAsyncResultBackend, RedisStreamBroker

from benchmarks.peers import model
from benchmarks.peers.peer import Answer, Ask, chunks, poll, redis_url, variant

BROKERS: dict[str, type[AsyncBroker]] = {"list": ListQueueBroker, "stream": RedisStreamBroker}
AT_ONCE = 100


async def predict(text: str) -> Answer:
    # In the loop: it takes microseconds, a thread would take longer.
    return model.answer(text)


def fill(texts: Sequence[str]) -> list[str]:
    async def enqueue() -> list[str]:
        async with _started() as task:
            ids: list[str] = []
            for some in chunks(texts, 200):
                ids += [kicked.task_id for kicked in await asyncio.gather(*(task.kiq(text) for text in some))]
            return ids

    return uvloop.run(enqueue())


def work() -> None:
    model.load()
    broker = _task().broker
    uvloop.run(run_receiver_task(broker, validate_params=False, max_async_tasks=AT_ONCE, run_startup=True))


def answers(ids: Sequence[str]) -> list[Answer]:
    async def read() -> list[Answer]:
        async with _started() as task:
            found = [await task.broker.result_backend.get_result(id) for id in ids]
            return [one.return_value for one in found]

    return asyncio.run(read())


@asynccontextmanager
async def asking() -> AsyncIterator[Ask]:
    async with _started() as task:
        results = task.broker.result_backend

        async def ask(text: str) -> Answer:
            kicked = await task.kiq(text)

            async def look() -> Answer | None:
                if not await results.is_result_ready(kicked.task_id):
                    return None
                answer: Answer = (await results.get_result(kicked.task_id)).return_value
                return answer

            return await poll(look)

        yield ask


def _task() -> "AsyncTaskiqDecoratedTask[[str], Answer]":
    """Return the task on its broker; both ends must use the same kind, so it is said in the environment."""
    kind = BROKERS[variant()]
    # A stream's consumer group otherwise begins after what is queued already.
    settings = {"consumer_id": "0"} if kind is RedisStreamBroker else {}
    broker = kind(redis_url(), **settings).with_result_backend(
        RedisAsyncResultBackend(redis_url(), result_ex_time=3600)
    )
    return broker.register_task(predict, task_name="predict")


@asynccontextmanager
async def _started() -> "AsyncIterator[AsyncTaskiqDecoratedTask[[str], Answer]]":
    task = _task()
    await task.broker.startup()
    try:
        yield task
    finally:
        await task.broker.shutdown()
