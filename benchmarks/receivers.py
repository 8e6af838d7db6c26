"""Many webhook receivers in one thread; some of them take what comes and never answer."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import redis

from contract import keys


@dataclass(slots=True)
class Member:
    """One receiver: the webhook-ids it got, and its most requests at once."""

    hangs: bool
    url: str = ""
    got: list[str] = field(default_factory=list)
    open: int = 0
    most_open: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await _head(reader):
                await reader.readexactly(int(head["content-length"]))
                self.got.append(head["webhook-id"])
                self.open += 1
                self.most_open = max(self.open, self.most_open)
                if self.hangs:
                    await reader.read()
                self.open -= 1
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def _head(reader: asyncio.StreamReader) -> dict[str, str]:
    try:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().lower().splitlines()
    except asyncio.IncompleteReadError:
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}


def have_ended(redis_url: str, members: list[Member], each: int) -> None:
    """Have so many predictions of each receiver ended, the hanging receivers' first."""
    with redis.Redis.from_url(redis_url) as store:
        pipeline = store.pipeline(transaction=False)
        now = time.time()
        for place, member in enumerate(reversed(members)):
            for number in range(each):
                id = f"p{place:03}-{number:05}"
                pipeline.hset(keys.prediction(id), mapping={
                    "model": "sentiment", "status": "succeeded", "input": '{"text":"fine"}', "owner": "",
                    "created_at": f"{now:.6f}", "started_at": f"{now:.6f}", "completed_at": f"{now:.6f}",
                    "webhook": member.url,
                })  # fmt: skip
                # What hangs is due before everything else.
                pipeline.zadd(keys.OUTBOX, {id: now - 1000 + place})
        pipeline.execute()


@contextmanager
def crowd(answering: int, hanging: int) -> Iterator[list[Member]]:
    """So many receivers, the hanging ones last."""
    members = [Member(place >= answering) for place in range(answering + hanging)]
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> list[asyncio.Server]:
        servers = [await asyncio.start_server(member.serve, "127.0.0.1", 0) for member in members]
        for member, server in zip(members, servers, strict=True):
            member.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
        return servers

    async def stop(servers: list[asyncio.Server]) -> None:
        for server in servers:
            server.close()
        mine = asyncio.current_task()
        tasks = [task for task in asyncio.all_tasks() if task is not mine]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    servers = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    try:
        yield members
    finally:
        asyncio.run_coroutine_threadsafe(stop(servers), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
