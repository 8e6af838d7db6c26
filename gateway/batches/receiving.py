"""A batch on its way in: rows become predictions a chunk at a time, and the whole of it counts or nothing.

Memory is bounded by one chunk, whatever the batch: while Redis is asked, and while the queue is full, nothing
is read from the client's connection, so its sending slows down to what the service takes.

Each chunk is noted before it is admitted, and the batch is canceled unless it was sealed: whatever breaks off
in between, the rows that got in are ended (``batch_store.sweep``).
"""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from json.encoder import encode_basestring as quoted

from fastapi import Request
from starlette.requests import ClientDisconnect

from contract.jobs import Lane
from gateway.admission import LARGEST, Admission, NewPrediction
from gateway.batches.rows import Row
from gateway.batches.store import Batches, NewBatch, row_id
from gateway.batches.uploads import Upload
from gateway.errors import BodyTooLarge, BrokenOff, QueueFull, QueueUnavailable, UploadTooSlow
from gateway.quota import Allowance

log = logging.getLogger(__name__)

#: Characters of texts and metadata in one chunk, beside ``LARGEST`` rows.
CHUNK_SIZE = 2**20
#: Rows that came go into the queue after this, even if they are few; the lease is renewed with them.
NOTED_EVERY_S = 5.0
#: Between two looks whether a full queue has room.
LOOK_S = (0.05, 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What all rows of a batch share.

    Args:
        options: what stands in each input beside the text, as JSON without its braces.
        most: rows that the batch may have.
        patience_s: how long the queue may stay full.
    """

    batch: NewBatch
    lane: Lane
    options: str
    cancel_after: timedelta | None
    quota: int | None
    most: int
    patience_s: float

    def prediction(self, number: int, row: Row) -> NewPrediction:
        """Return the prediction of a row."""
        options = "," + self.options if self.options else ""
        return NewPrediction(
            id=row_id(self.batch.id, number),
            model=self.batch.model,
            input=f'{{"text":{quoted(row.text)}{options}}}',
            lane=self.lane,
            metadata=row.metadata,
            cancel_after=self.cancel_after,
            owner=self.batch.owner,
            batch=self.batch.id,
            quota=self.quota,
        )


@dataclass(slots=True)
class Chunk:
    """Rows that were read and are not in the queue yet."""

    news: list[NewPrediction] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)
    ids: dict[int, str] = field(default_factory=dict)
    size: int = 0

    @property
    def is_full(self) -> bool:
        """Whether it should go now."""
        return len(self.news) + len(self.refused) >= LARGEST or self.size >= CHUNK_SIZE


class Receiver:
    """Takes in the rows of one batch that was begun."""

    def __init__(self, batches: Batches, admission: Admission, plan: Plan) -> None:
        self._batches = batches
        self._admission = admission
        self._plan = plan
        self._chunk = Chunk()
        self._noted_at = 0.0
        self._allowance: Allowance | None = None
        #: Rows so far, refused ones among them, and those in the queue.
        self.rows = self.admitted = 0

    async def receive(self, upload: Upload, parts: AsyncIterator[bytes]) -> Allowance | None:
        """Read all rows and put them into the queue; return what is left of the quota.

        Raises:
            BodyTooLarge: there are more rows than a batch may have.
            QueueFull: the queue stayed full for longer than the plan's patience.
            GatewayError: whatever else ends the batch; see ``uploads``, ``admission`` and ``batch_store``.
        """
        self._noted_at = _now()
        async for part in parts:
            for row in upload.feed(part):
                await self._add(row)
            if _now() - self._noted_at > NOTED_EVERY_S:
                await self._flush()
        for row in upload.end():
            await self._add(row)
        await self._flush()
        return self._allowance

    async def _add(self, row: Row) -> None:
        number, chunk = self.rows, self._chunk
        if number == self._plan.most:
            raise BodyTooLarge(f"The batch has more than {number} rows.")
        self.rows += 1
        if row.client_id:
            chunk.ids[number] = row.client_id
        if row.refusal:
            chunk.refused[number] = row.refusal
        else:
            chunk.news.append(self._plan.prediction(number, row))
            chunk.size += row.size
        if chunk.is_full:
            await self._flush()

    async def _flush(self) -> None:
        chunk, self._chunk = self._chunk, Chunk()
        await self._note(chunk)
        left, (look_s, longest_s) = chunk.news, LOOK_S
        moved_at = _now()
        while left:
            before = len(left)
            taken = await self._admission.admit_many(left)
            left = list(taken.left)
            self.admitted += before - len(left)
            self._allowance = taken.allowance or self._allowance
            if len(left) < before:
                moved_at, look_s = _now(), LOOK_S[0]
                continue
            if _now() - moved_at > self._plan.patience_s:
                raise QueueFull("The queue stayed full; no row of this batch runs. Try again later.")
            if _now() - self._noted_at > NOTED_EVERY_S:
                await self._note(Chunk())
            await asyncio.sleep(look_s)
            look_s = min(2 * look_s, longest_s)

    async def _note(self, chunk: Chunk) -> None:
        await self._batches.note(self._plan.batch.id, self.rows, chunk.refused, chunk.ids)
        self._noted_at = _now()


async def give_up(batches: Batches, id: str) -> None:
    """Have the rows that got in ended; when Redis is away, the end of the lease does."""
    try:
        await batches.cancel(id)
    except QueueUnavailable:
        log.warning("batch.left", extra={"id": id})


async def parts_of(
    request: Request, digest: "hashlib._Hash", most: int, silence_s: float
) -> AsyncIterator[bytes]:
    """Give the body as it comes, and take it into the digest.

    Raises:
        BodyTooLarge: it has more bytes than ``most``, whether it said so or not.
        UploadTooSlow: nothing came for ``silence_s``; a whole batch may take longer.
        BrokenOff: the client hung up.
    """
    announced = request.headers.get("content-length", "")
    received = int(announced) if announced.isdigit() else 0
    if received > most:
        raise BodyTooLarge(f"The batch is larger than {most} bytes.")
    received, stream = 0, request.stream()
    while True:
        try:
            async with asyncio.timeout(silence_s):
                part = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise UploadTooSlow("The rest of the body did not come; no row of this batch runs.") from None
        except ClientDisconnect:
            raise BrokenOff("The upload broke off; no row of this batch runs.") from None
        received += len(part)
        if received > most:
            raise BodyTooLarge(f"The batch is larger than {most} bytes.")
        digest.update(part)
        yield part


def _now() -> float:
    return asyncio.get_running_loop().time()
