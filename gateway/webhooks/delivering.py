"""Delivering webhooks: from the outbox in Redis to the receiver, signed as Standard Webhooks says.

The outbox entry is written by the same Lua call that ends a prediction, and leaves only when the receiver has
answered 2xx or every attempt is spent. Between, it is leased for one attempt: a gateway that dies delivers
late and perhaps twice with the same ``webhook-id``, never not at all. A receiver that hangs holds a few of
the attempts under way at once, and no place of the others (``gateway/webhooks/fairness.py``).
"""

import asyncio
import contextlib
import logging
import random
import time
from dataclasses import dataclass
from importlib.resources import files
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.exceptions import RedisError

from contract import keys
from contract.scripts import OUTBOX
from gateway.links import Links
from gateway.tracing import Deliveries
from gateway.webhooks.contents import Contents, Outgoing
from gateway.webhooks.deliveries import Journal
from gateway.webhooks.endpoints import ENDPOINT_PREFIX
from gateway.webhooks.fairness import Offered, Turns
from gateway.webhooks.messages import Message
from gateway.webhooks.schedule import retry_after
from gateway.webhooks.sender import TIMEOUT_S, Receipt, Sender

log = logging.getLogger(__name__)

#: Twice the timeout: an entry comes back only when its deliverer is surely gone.
LEASE_S = 30
#: An entry that waited longer for its turn than this could not be attempted within its lease: it comes back.
PATIENCE_S = LEASE_S - TIMEOUT_S - 3
#: Attempts under way at once in one gateway: a hundred receivers may hang, and others still get theirs.
AT_ONCE = 512
#: Of these, talking to Redis at once: its connections are shared with those who answer clients.
ASKING = 16
#: Leased in one call.
LEASED = 256
#: Waiting for their turn in one gateway: seconds of work, so that leases hold until their turn comes.
WAITING = 2_048
#: How long the outbox is left alone when nothing rings; retries are due on this grid.
IDLE_S = 1.0
#: What finds the queue of its receiver full comes back after so many seconds.
BACK_S = {Offered.SOON: (0.2, 0.5), Offered.LATER: (2.0, 4.0), Offered.MUCH_LATER: (20.0, 60.0)}


@dataclass(frozen=True, slots=True)
class _Leased:
    """An entry under our lease; ``until``, by the monotonic clock, it may be attempted."""

    member: str
    lease: str
    until: float


class Deliverer:
    """Empties the outbox, for as long as the gateway lives."""

    def __init__(
        self, redis: "Redis", sender: Sender, links: Links, traces: Deliveries | None = None
    ) -> None:
        self._redis = redis
        self._sender = sender
        self._contents = Contents(redis, links)
        self._journal = Journal(redis)
        self._traces = traces
        self._rung = asyncio.Event()
        self._turns: Turns[_Leased] = Turns(AT_ONCE)
        self._asking = asyncio.Semaphore(ASKING)
        lua = files("gateway").joinpath("lua")
        self._due = redis.register_script(OUTBOX + lua.joinpath("due.lua").read_text("utf-8"))
        self._drop = redis.register_script(OUTBOX + lua.joinpath("drop.lua").read_text("utf-8"))

    def ring(self) -> None:
        """Say that something is due now."""
        self._rung.set()

    async def run(self) -> None:
        """Deliver what is due, again and again."""
        async with asyncio.TaskGroup() as attempts:
            while True:
                self._rung.clear()
                leased = 0
                if len(self._turns) < WAITING:
                    # While Redis is away nothing is due; the waiters' reader reports it.
                    with contextlib.suppress(RedisError, OSError):
                        leased = await self._take()
                self._start(attempts)
                if leased < LEASED:
                    await self._pause()

    async def _pause(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(IDLE_S):
                await self._rung.wait()

    async def _take(self) -> int:
        """Lease what is due and let it wait for its turn; return how many."""
        # Before the call: the lease begins later than this.
        until = time.monotonic() + PATIENCE_S
        now, lease, *due = await self._due(args=[LEASED, LEASE_S, ENDPOINT_PREFIX])
        back: dict[str, float] = {}
        for member, url in zip(due[::2], due[1::2], strict=True):
            offered = self._turns.offer(urlsplit(url).netloc, _Leased(member, lease, until))
            if offered is not Offered.TAKEN:
                back[member] = float(now) + random.uniform(*BACK_S[offered])  # noqa: S311 - no secret
        if back:
            # Out of the way of what is due for others; nobody else can have leased it since.
            await self._redis.zadd(keys.OUTBOX, back, xx=True)
        return len(due) // 2

    def _start(self, attempts: asyncio.TaskGroup) -> None:
        while found := self._turns.next():
            receiver, leased = found
            attempts.create_task(self._deliver(attempts, receiver, leased))

    async def _deliver(self, attempts: asyncio.TaskGroup, receiver: str, leased: _Leased) -> None:
        receipt = None
        try:
            if time.monotonic() < leased.until:
                receipt = await self._attempt(leased)
        except (RedisError, OSError) as error:
            # Not settled: the lease ends and the attempt is repeated under the same webhook-id.
            log.warning("webhook.unsettled", extra={"id": leased.member, "error": type(error).__name__})
        finally:
            self._turns.ended(receiver, succeeded=receipt.is_delivered if receipt else None)
        self._start(attempts)

    async def _attempt(self, leased: _Leased) -> Receipt | None:
        message = Message.parse(leased.member)
        async with self._asking:
            sent = await self._contents.of(message)
        if sent is None:
            if await self._drop(args=[leased.member, leased.lease]):
                # Nobody can or wants to send it: its subject, its endpoint or its URL is gone.
                log.warning("webhook.dropped", extra={"id": leased.member})
            return None
        begun_ns = time.time_ns()
        receipt = await self._sender.send(sent.url, sent.id, sent.body, sent.signing)
        if self._traces:
            self._traces.attempted(sent.trace, sent.url, receipt.said, sent.attempts + 1, begun_ns)
        async with self._asking:
            await self._settle(sent, receipt, leased.lease)
        return receipt

    async def _settle(self, sent: Outgoing, receipt: Receipt, lease: str) -> None:
        made, again = sent.attempts + 1, None
        if not (receipt.is_delivered or receipt.is_gone):
            again = retry_after(made, random.random(), receipt.retry_after)  # noqa: S311 - no secret
        disabled = await self._journal.settle(sent, receipt, lease, again)
        event, level = "webhook.delivered", logging.INFO
        if not receipt.is_delivered:
            event, level = "webhook.failed", logging.WARNING
        next_s = again.total_seconds() if again else None
        said = {"id": str(sent.message), "said": receipt.said, "attempt": made, "next_s": next_s}
        log.log(level, event, extra=said)
        if disabled:
            log.warning("endpoint.disabled", extra={"id": sent.message.endpoint, "reason": disabled})
