"""Batches as they lie in Redis: begun, noted row by row, sealed, canceled, read.

A batch that is being received is leased to its gateway. Canceling one only says so; its rows are ended by
``sweep``, a few at a time, and so are those of a gateway that died: whoever sweeps goes on where another
stopped.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, cast

from redis.asyncio import Redis

from contract import jobs, keys
from contract.scripts import TERMINAL
from gateway.admission import LARGEST
from gateway.errors import BatchCanceled, BatchNotFound, QueueUnavailable
from gateway.listing import Cursor, Page
from gateway.store import or_unavailable, stream_page

log = logging.getLogger(__name__)

#: Then an owner. Stream: ids of the batches that one API key created, oldest first.
BATCHES_PREFIX = "barometer:batches:"
#: Sorted set of the batches being received, by the second (Redis clock) at which they are given up; a
#: canceled one whose rows have not all ended has the score 0.
RECEIVING = "barometer:receiving"

#: A gateway renews it at least every ten seconds while it receives.
LEASE_S = 60
#: Uploads that one gateway reads at the same time; each holds a chunk of rows.
UPLOADS = 4
#: Between two looks for batches to sweep.
EVERY_S = 0.5
_RETENTION_S = int(jobs.RETENTION.total_seconds())

#: What a row's line of results is made of.
RESULT_FIELDS = ("status", "version", "output", "error", "error_code", "metadata")


def row_id(batch: str, row: int) -> str:
    """Return the prediction id of a row, counted from 0."""
    return f"{batch}-{row:06d}"


def refused_key(batch: str) -> str:
    """Hash: code of the refusal by row, of rows that are no predictions."""
    return f"{keys.batch(batch)}:refused"


def ids_key(batch: str) -> str:
    """Hash: the client's own id (JSON) by row, of rows that have one."""
    return f"{keys.batch(batch)}:ids"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBatch:
    """What is known of a batch before its first row."""

    id: str
    owner: str
    model: str
    queue: str
    webhook: str
    metadata: str

    def fields(self) -> list[str]:
        """Return what its hash holds from the beginning."""
        return [
            "owner", self.owner, "model", self.model, "queue", self.queue, "webhook", self.webhook,
            "metadata", self.metadata,
        ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Earlier:
    """A batch begun before under the same idempotency key; without a fingerprint while it is received."""

    id: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Result:
    """One row: its prediction's fields in the order of ``RESULT_FIELDS``, its refusal, the client's id."""

    row: int
    fields: Sequence[str | None]
    refusal: str | None
    client_id: str | None


class Batches:
    """What the gateway keeps of batches. Every method raises QueueUnavailable when Redis is away."""

    def __init__(self, redis: "Redis") -> None:
        lua = files("gateway").joinpath("lua")

        def script(name: str, before: str = "") -> Any:
            return redis.register_script(before + lua.joinpath(f"batch_{name}.lua").read_text("utf-8"))

        self._redis = redis
        #: One for each upload that may be read at the same time.
        self.uploads = asyncio.Semaphore(UPLOADS)
        self._begin, self._note, self._cancel = script("begin"), script("note"), script("cancel")
        self._seal, self._sweep = script("seal", TERMINAL), script("sweep", TERMINAL)

    @or_unavailable
    async def begin(self, new: NewBatch, idempotency: str) -> Earlier | None:
        """Begin a batch, or return the one that was begun before under the same idempotency key."""
        has_key = "1" if idempotency else ""
        held = await self._begin(
            keys=[
                keys.batch(new.id),
                BATCHES_PREFIX + new.owner,
                RECEIVING,
                keys.IDEMPOTENCY_PREFIX + idempotency,
            ],
            args=[new.id, LEASE_S, _RETENTION_S, has_key, idempotency, keys.BATCH_PREFIX, *new.fields()],
        )
        return Earlier(*held) if held else None

    @or_unavailable
    async def note(self, id: str, total: int, refused: Mapping[int, str], ids: Mapping[int, str]) -> None:
        """Note the rows so far and renew the lease, before they are admitted: so none escapes a sweep.

        Raises:
            BatchCanceled: somebody canceled it, or gave it up because its lease had ended.
        """
        said = [word for pair in refused.items() for word in pair]
        named = [word for pair in ids.items() for word in pair]
        is_ours = await self._note(
            keys=[keys.batch(id), refused_key(id), ids_key(id), RECEIVING],
            args=[id, LEASE_S, total, len(said), *said, *named],
        )
        if not is_ours:
            raise BatchCanceled("The batch was canceled while its rows still came; none of them runs.")

    @or_unavailable
    async def seal(self, id: str, idempotency: str, fingerprint: str) -> None:
        """Say that all rows are in: from now on the batch ends when they have.

        Raises:
            BatchCanceled: as :meth:`note` does.
        """
        is_ours = await self._seal(
            keys=[keys.batch(id), RECEIVING, keys.IDEMPOTENCY_PREFIX + idempotency],
            args=[id, fingerprint, _RETENTION_S],
        )
        if not is_ours:
            raise BatchCanceled("The batch was canceled while its rows still came; none of them runs.")

    @or_unavailable
    async def cancel(self, id: str) -> bool:
        """Have all rows that have not ended end as canceled; False if there is nothing to cancel."""
        return bool(await self._cancel(keys=[keys.batch(id), RECEIVING], args=[id]))

    @or_unavailable
    async def sweep(self) -> bool:
        """End some rows of batches that were canceled or given up; False when there are none."""
        return bool(await self._sweep(keys=[RECEIVING], args=[LARGEST, keys.IDEMPOTENCY_PREFIX]))

    async def run(self) -> None:
        """Sweep for as long as the gateway lives."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                while await self.sweep():
                    pass
            except QueueUnavailable as error:
                # The waiters' reader reports Redis as away; the sweep goes on when it is back.
                log.debug("sweep.missed", extra={"error": type(error.__cause__).__name__})

    @or_unavailable
    async def read(self, id: str, owner: str) -> dict[str, str]:
        """Return the fields of one batch of this owner.

        Raises:
            BatchNotFound: unknown, past its retention, or another owner's.
        """
        fields = cast("dict[str, str]", await self._redis.hgetall(keys.batch(id)))
        if "created_at" not in fields or fields.get("owner", "") != owner:
            raise BatchNotFound(f"There is no batch {id!r}; batches are kept for 24 hours after their end.")
        return fields

    @or_unavailable
    async def created(self, owner: str, cursor: Cursor | None, limit: int) -> Page[dict[str, str]]:
        """Return a page of what an owner created; those past their retention are passed over."""
        page = await stream_page(self._redis, BATCHES_PREFIX + owner, cursor, limit)
        found = await self._several([fields["id"] for _, fields in page.records])
        return Page([fields for fields in found if "created_at" in fields], page.older, page.newer)

    async def _several(self, ids: list[str]) -> list[dict[str, str]]:
        pipeline = self._redis.pipeline(transaction=False)
        for id in ids:
            pipeline.hgetall(keys.batch(id))
        return cast("list[dict[str, str]]", await pipeline.execute()) if ids else []

    @or_unavailable
    async def results(self, id: str, rows: range) -> list[Result]:
        """Return these rows of a batch, in one round trip."""
        if not rows:
            return []
        pipeline = self._redis.pipeline(transaction=False)
        names = list(map(str, rows))
        pipeline.hmget(refused_key(id), names)
        pipeline.hmget(ids_key(id), names)
        for row in rows:
            pipeline.hmget(keys.prediction(row_id(id, row)), RESULT_FIELDS)
        refused, ids, *found = await pipeline.execute()
        return [Result(*one) for one in zip(rows, found, refused, ids, strict=True)]
