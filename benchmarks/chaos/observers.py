"""Two witnesses that ask nobody: a reader of the event stream, and a receiver of webhooks."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from benchmarks.chaos.ledger import Ledger, Sighting, Witness
from contract import keys
from contract.events import Event

BLOCK_MS = 1_000
AT_ONCE = 1_000
#: Between two tries while Redis is away.
RETRY_S = 0.1
#: Every so many-th webhook is refused, so that the second attempt is seen too.
REFUSE_EVERY = 100


class StreamReader:
    """Reads every entry as it comes, so that trimming hides none; goes on from the last after an outage."""

    def __init__(self, redis: "Redis", ledger: Ledger) -> None:
        self._redis = redis
        self._ledger = ledger
        #: Terminal events, and by id how often an alert fired.
        self.ended = 0
        self.alerts: dict[str, int] = {}

    async def run(self) -> None:
        """Read until cancelled."""
        last = "0-0"
        while True:
            try:
                answer: Any = await self._redis.xread({keys.EVENTS: last}, count=AT_ONCE, block=BLOCK_MS)
            except (RedisError, OSError):
                await asyncio.sleep(RETRY_S)
                continue
            for last, fields in answer[0][1] if answer else ():
                self._note(Event.from_entry(last, fields))

    def _note(self, event: Event) -> None:
        subject, _, status = event.type.partition(".")
        if subject == "prediction":
            self.ended += 1
            self._ledger.write(_sighting(event, status))
        elif event.type == "alert.fired":
            id = event.fields["id"]
            self.alerts[id] = self.alerts.get(id, 0) + 1


def _sighting(event: Event, status: str) -> Sighting:
    fields: Mapping[str, str] = event.fields
    return Sighting(
        at=event.at,
        by=Witness.EVENT,
        id=fields["id"],
        status=status,
        version=fields.get("version", ""),
        label=fields.get("label", ""),
        attempts=int(fields["attempts"]),
        mark=event.entry,
    )


class Receiver:
    """Takes webhooks over HTTP/1.1; refuses some the first time."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._requests = 0
        self._refused: set[str] = set()
        self.url = ""

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Listen on a port of the kernel's choice; ``url`` says where."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        try:
            yield
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError), contextlib.closing(writer):
            while True:
                lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[1:]
                headers = {
                    name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
                }
                body = await reader.readexactly(int(headers["content-length"]))
                status = self._take(headers["webhook-id"], json.loads(body))
                writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
                await writer.drain()

    def _take(self, webhook_id: str, prediction: dict[str, object]) -> str:
        self._requests += 1
        # Never the second time: the third attempt is due after five minutes.
        if self._requests % REFUSE_EVERY == 0 and webhook_id not in self._refused:
            self._refused.add(webhook_id)
            return "503 Not Now"
        # Written before the answer: what the service believes delivered is in the ledger.
        self._ledger.write(
            Sighting.of_object(prediction, at=time.time(), by=Witness.WEBHOOK, mark=webhook_id)
        )
        return "200 OK"
