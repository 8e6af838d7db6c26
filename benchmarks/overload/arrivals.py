"""Open-loop load in a process of its own: texts arrive by a fixed Poisson schedule, whatever the answers.

A closed loop slows down with the service and so never overloads it. Run by ``send``; reads a ``Schedule`` as
JSON on stdin, prints the answers as JSON.
"""

import asyncio
import json
import random
import re
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import cast
from urllib.parse import urlsplit

#: More requests than that are never under way at once; the next one waits here, and ``lag_ms`` says so.
CONNECTIONS = 1_000
#: Arrivals are looked at this often.
TICK_S = 0.001
#: The last answers may take this long.
PATIENCE_S = 30.0

_ID = re.compile(rb'"id": ?"([^"]+)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """``rate`` arrivals a second for ``seconds``, each with one of the bodies and these header lines."""

    url: str
    rate: float
    seconds: float
    seed: int
    bodies: list[str]
    headers: list[str]


@dataclass(frozen=True, slots=True)
class Answer:
    """``lag_ms`` from the arrival to the sending, ``ms`` from there to the answer; status 0 is none."""

    status: int
    lag_ms: float
    ms: float
    retry_after: bool
    id: str


async def send(schedule: Schedule) -> list[Answer]:
    """Put the load on from another process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.overload.arrivals",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**30,
    )
    try:
        said, _ = await process.communicate(json.dumps(asdict(schedule)).encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise SystemExit("the client of the load failed; its lines above say why.")
    return [Answer(*fields) for fields in json.loads(said)]


class _Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request under way."""

    def __init__(self) -> None:
        self._answer = b""
        self._done: asyncio.Future[bytes] | None = None
        self._transport: asyncio.WriteTransport | None = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Of a socket it is always a WriteTransport; uvloop's does not say so.
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, blank, body = self._answer.partition(b"\r\n\r\n")
        if not blank or self._done is None or self._done.done():
            return
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if len(body) >= int(length):
            self._done.set_result(self._answer)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_exception(exc or ConnectionResetError())

    async def ask(self, request: bytes) -> bytes:
        assert self._transport is not None
        self._answer, self._done = b"", asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._done


class _Crowd:
    """Connections that are idle, and answers that have come."""

    def __init__(self, schedule: Schedule) -> None:
        address = urlsplit(schedule.url)
        assert address.hostname
        self._address = address.hostname, address.port or 80
        self._requests = [_request(schedule, body) for body in schedule.bodies]
        self._idle: deque[_Connection] = deque()
        self._room = asyncio.Semaphore(CONNECTIONS)
        self.answers: list[Answer] = []

    async def one(self, n: int, due: float) -> None:
        """Send one request and note its answer."""
        async with self._room:
            sent = time.perf_counter()
            lag_ms = (sent - due) * 1e3
            try:
                connection = await self._connection()
                answer = await connection.ask(self._requests[n % len(self._requests)])
            except OSError:
                self.answers.append(Answer(0, lag_ms, (time.perf_counter() - sent) * 1e3, False, ""))  # noqa: FBT003
                return
            ms = (time.perf_counter() - sent) * 1e3
            self._idle.append(connection)
        head, _, body = answer.partition(b"\r\n\r\n")
        status = int(head[9:12])
        id = _ID.search(body) if status in (201, 202) else None
        self.answers.append(
            Answer(status, lag_ms, ms, b"\r\nretry-after:" in head.lower(), id[1].decode() if id else "")
        )

    async def _connection(self) -> _Connection:
        while self._idle:
            # The latest one: the others may rest until they are closed.
            if (connection := self._idle.pop()).is_open:
                return connection
        _, made = await asyncio.get_running_loop().create_connection(_Connection, *self._address)
        return made


def _request(schedule: Schedule, body: str) -> bytes:
    address, content = urlsplit(schedule.url), body.encode()
    lines = [
        f"POST {address.path} HTTP/1.1",
        f"Host: {address.netloc}",
        "Content-Type: application/json",
        *schedule.headers,
        f"Content-Length: {len(content)}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


async def _arrive(schedule: Schedule) -> Sequence[Answer]:
    crowd = _Crowd(schedule)
    chance = random.Random(schedule.seed)
    under_way: set[asyncio.Task[None]] = set()
    failures: list[BaseException] = []

    def ended(task: "asyncio.Task[None]") -> None:
        under_way.discard(task)
        if not task.cancelled() and (error := task.exception()):
            failures.append(error)

    begun = time.perf_counter()
    due, n = begun, 0
    while due < begun + schedule.seconds:
        while due <= time.perf_counter():
            task = asyncio.create_task(crowd.one(n, due))
            under_way.add(task)
            task.add_done_callback(ended)
            due += chance.expovariate(schedule.rate)
            n += 1
        await asyncio.sleep(TICK_S)
    if under_way:
        await asyncio.wait(under_way, timeout=PATIENCE_S)
    if failures:
        raise failures[0]
    # Who never got an answer.
    unanswered = [Answer(0, 0.0, PATIENCE_S * 1e3, False, "")] * (n - len(crowd.answers))  # noqa: FBT003
    return [*crowd.answers, *unanswered]


def main() -> None:
    import uvloop

    answers = uvloop.run(_arrive(Schedule(**json.loads(sys.stdin.read()))))
    print(json.dumps([[one.status, one.lag_ms, one.ms, one.retry_after, one.id] for one in answers]))


if __name__ == "__main__":
    main()
