"""RQ: ``simple`` runs jobs in the worker's process, ``fork`` in a child each. Quiet logs, else defaults."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import redis.asyncio
from redis import Redis
from rq import Queue, SimpleWorker, Worker
from rq.results import Result

from benchmarks.peers import model
from benchmarks.peers.peer import CONNECTIONS, Answer, Ask, chunks, poll, redis_url, variant

WORKERS = {"simple": SimpleWorker, "fork": Worker}
NAME = "bench"


def predict(text: str) -> Answer:
    return model.answer(text)


def fill(texts: Sequence[str]) -> list[str]:
    queue = Queue(NAME, connection=Redis.from_url(redis_url()))
    ids = []
    for some in chunks(texts, 500):
        # A description, else RQ writes one of the arguments.
        jobs = [Queue.prepare_data(predict, (text,), description="-") for text in some]
        ids += [job.id for job in queue.enqueue_many(jobs)]
    return ids


def work() -> None:
    # A fork then finds it loaded.
    model.load()
    worker = WORKERS[variant()]([NAME], connection=Redis.from_url(redis_url()), log_job_description=False)
    worker.work(logging_level="WARNING")


def answers(ids: Sequence[str]) -> list[Answer]:
    queue = Queue(NAME, connection=Redis.from_url(redis_url()))
    return [job.return_value() for id in ids if (job := queue.fetch_job(id))]


@asynccontextmanager
async def asking() -> AsyncIterator[Ask]:
    queue = Queue(NAME, connection=Redis.from_url(redis_url()))
    async with redis.asyncio.from_url(redis_url(), max_connections=CONNECTIONS) as looking:

        async def ask(text: str) -> Answer:
            # In the loop: the change of threads costs more than it hides.
            job = queue.enqueue(predict, text, description="-")

            async def look() -> Answer | None:
                found = await looking.xrevrange(Result.get_key(job.id), count=1)
                if not found:
                    return None
                id, payload = found[0]
                result = Result.restore(job.id, id.decode(), payload, queue.connection, queue.serializer)
                answer: Answer = result.return_value
                return answer

            return await poll(look)

        yield ask
