"""Into the queue: creates that arrive while one Redis call is under way go together in the next.

One call in flight at a time needs no timer and no batch size: under load the batches grow by themselves, and
an idle gateway sends each request at once.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from contract import jobs, keys
from contract.jobs import Lane
from gateway.errors import GatewayError, IdTaken, QueueFull, QueueUnavailable, QuotaSpent
from gateway.quota import QUOTA_WINDOW_S, Allowance

#: The most creates in one call, so that Redis is never held up for more than a few milliseconds.
LARGEST = 256


@dataclass(frozen=True, slots=True)
class Idempotency:
    """What makes two creates the same one.

    Args:
        key: names the create: the owner, the route and what the client sent.
        fingerprint: of what was asked; the same key with another one is a mistake.
    """

    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPrediction:
    """What a client asks for, checked. ``input`` and ``metadata`` are JSON."""

    id: str
    model: str
    input: str
    lane: Lane = Lane.DEFAULT
    webhook: str | None = None
    webhook_if: str = ""
    webhook_start: str = ""
    metadata: str = ""
    cancel_after: timedelta | None = None
    trace: str = ""
    owner: str = ""
    batch: str = ""
    idempotency: Idempotency | None = None
    quota: int | None = None

    def record(self) -> dict[str, str]:
        """Return the fields of the prediction's record that are known before it is admitted."""
        return {
            "id": self.id, "model": self.model, "input": self.input, "metadata": self.metadata,
            "owner": self.owner,
        }  # fmt: skip

    def arguments(self) -> list[str | int | float]:
        """Return the sixteen arguments of admit.lua."""
        deadline = "" if self.cancel_after is None else self.cancel_after.total_seconds()
        same = self.idempotency
        return [
            self.id, jobs.queue_name(self.model, self.lane), self.input, jobs.data(self.id),
            self.webhook or "", self.metadata, len(self.input) + len(self.metadata), deadline, self.trace,
            self.owner, self.batch, same.key if same else "", same.fingerprint if same else "",
            "" if self.quota is None else self.quota, self.webhook_if, self.webhook_start,
        ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Admitted:
    """A create that was accepted now, or that was accepted before under the same idempotency key.

    Args:
        created_at: seconds since the epoch by Redis' clock; empty for one accepted before.
        earlier: the id and the fingerprint of the one accepted before.
    """

    created_at: str
    earlier: tuple[str, str] | None = None
    allowance: Allowance | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of many creates at once: those that found the queue full, and what is left of the quota."""

    left: Sequence[NewPrediction]
    allowance: Allowance | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """What may wait for one model: so many predictions, of so many characters together.

    One prediction is always taken into an empty queue, whatever its size.
    """

    jobs: int
    size: int


class Admission:
    """The way into the queues of one model."""

    def __init__(self, redis: "Redis", model: str, bounds: Bounds) -> None:
        self._admit = redis.register_script(files("gateway").joinpath("lua", "admit.lua").read_text("utf-8"))
        self._model = model
        self._bounds = bounds
        queues = jobs.queue_names(model)
        self._queues = [len(queues), *queues]
        self._keys = [keys.QUEUES, keys.doorbell(model), keys.backlog(model), keys.DEADLINES, keys.OWNERS]
        self._waiting: list[tuple[NewPrediction, asyncio.Future[Admitted]]] = []
        self._sender: asyncio.Task[None] | None = None
        #: Set while Redis has no room for more than what is under way.
        self.is_closed = False

    async def admit(self, new: NewPrediction) -> Admitted:
        """Store and enqueue one prediction.

        It is durable when this returns, as far as Redis' own persistence goes.

        Raises:
            IdTaken: there is a prediction of that id, and it is not known to be the same.
            QuotaSpent: its owner has created as many as it may for now.
            QueueFull: as many wait as may, or as much, or for so long that its deadline would pass.
            QueueUnavailable: Redis does not answer or cannot write.
        """
        if self.is_closed:
            raise QueueFull("Redis' memory is nearly full. Try again later.")
        admitted: asyncio.Future[Admitted] = asyncio.get_running_loop().create_future()
        self._waiting.append((new, admitted))
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send())
        return await admitted

    async def admit_many(self, news: Sequence[NewPrediction]) -> Taken:
        """Store and enqueue up to ``LARGEST`` predictions in one call, as far as there is room.

        Raises:
            QuotaSpent: for some of them; others may have been taken.
            QueueUnavailable: some of them may have been taken.
        """
        if self.is_closed:
            return Taken(news)
        try:
            answers = await self._call(news)
        except (RedisError, OSError) as error:
            raise _refusal(error) from error
        allowance = None
        for answer in filter(None, answers):
            allowance = _admitted(answer).allowance
        return Taken([new for new, answer in zip(news, answers, strict=True) if not answer], allowance)

    async def _send(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:LARGEST], self._waiting[LARGEST:]
            try:
                answers = await self._call([new for new, _ in batch])
            except Exception as error:  # noqa: BLE001 - whoever waits must learn of it, whatever it is
                for _, admitted in batch:
                    if not admitted.done():
                        admitted.set_exception(_refusal(error))
                continue
            for (_, admitted), answer in zip(batch, answers, strict=True):
                if admitted.done():  # the client went away; the prediction stays
                    continue
                try:
                    admitted.set_result(_admitted(answer))
                except GatewayError as refusal:
                    admitted.set_exception(refusal)

    async def _call(self, batch: Sequence[NewPrediction]) -> list[str]:
        arguments: list[Any] = [
            keys.PREDICTION_PREFIX, keys.JOB_PREFIX, keys.QUEUE_PREFIX, keys.CREATED_PREFIX,
            keys.IDEMPOTENCY_PREFIX, keys.QUOTA_PREFIX, keys.BATCH_PREFIX, self._model, self._bounds.jobs,
            self._bounds.size, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            int(jobs.JOB_TIMEOUT.total_seconds()), jobs.DESCRIPTION, int(jobs.RETENTION.total_seconds()),
            QUOTA_WINDOW_S, *self._queues,
        ]  # fmt: skip
        for new in batch:
            arguments += new.arguments()
        answers: list[str] = await self._admit(keys=self._keys, args=arguments)
        return answers


def _admitted(answer: str) -> Admitted:
    """Read one answer of admit.lua: when it was created, then words where there is more to say."""
    if not answer:
        raise QueueFull("More waits already than can be answered in time. Try again shortly.")
    said, *more = answer.split(" ")
    match said, more:
        case "held", [fingerprint, id]:
            return Admitted("", earlier=(id, fingerprint))
        case "taken", []:
            raise IdTaken("There is another prediction of this id.")
        case "spent", [resets_s, quota]:
            raise QuotaSpent(int(resets_s), int(quota))
        case created_at, [left, resets_s]:
            return Admitted(created_at, allowance=Allowance(int(left), int(resets_s)))
    return Admitted(said)


def _refusal(error: Exception) -> Exception:
    if not isinstance(error, RedisError | OSError):
        return error
    unavailable = QueueUnavailable("The queue does not answer; nothing was accepted. Try again shortly.")
    unavailable.__cause__ = error
    return unavailable
