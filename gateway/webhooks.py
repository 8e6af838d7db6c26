"""Delivering webhooks: from the outbox in Redis to the receiver, signed as Standard Webhooks says.

The outbox entry is written by the same Lua call that ends a prediction, and leaves only when the receiver has
answered 2xx or every attempt is spent. Between, it is leased for one attempt: a gateway that dies delivers
late and perhaps twice with the same ``webhook-id``, never not at all.
"""

import asyncio
import base64
import contextlib
import logging
import random
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import cast

import httpcore2
from redis.asyncio import Redis
from redis.exceptions import RedisError
from standardwebhooks import Webhook

from contract import jobs, keys
from contract.predictions import Record
from gateway.guard import GuardedBackend
from gateway.rendering import prediction_json
from gateway.schedule import retry_after
from gateway.settings import Network
from gateway.tracing import Deliveries

log = logging.getLogger(__name__)

#: The whole exchange, so that a receiver that never ends its answer holds nothing for longer.
TIMEOUT_S = 15.0
CONNECT_TIMEOUT_S = 5.0
#: Twice the timeout: an entry comes back only when its deliverer is surely gone.
LEASE_S = 30
#: Deliveries under way at once in one gateway.
AT_ONCE = 64
#: How long the outbox is left alone when nothing rings; retries are due on this grid.
IDLE_S = 1.0
#: Read of a receiver's answer, then the connection is closed.
ANSWER_BYTES = 1024
#: The record outlives the wait for the next attempt by this much.
MARGIN = timedelta(hours=1)

#: Hash at which the gateways share the signing secret.
SECRET_KEY = "barometer:webhook-secret"  # noqa: S105 - the name of a key, not a secret


@dataclass(frozen=True, slots=True)
class Receipt:
    """How one attempt ended: the status, or the class of what went wrong."""

    said: str
    is_delivered: bool = False
    is_gone: bool = False
    retry_after: timedelta | None = None


async def secret(redis: "Redis") -> str:
    """Return the signing secret, ``whsec_`` and base64 of 32 bytes; the first gateway to ask makes it."""
    made = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    await redis.set(SECRET_KEY, made, nx=True)
    return str(await redis.get(SECRET_KEY))


class Sender:
    """Sends one signed request to one receiver."""

    def __init__(self, allowed: Sequence[Network]) -> None:
        self._pool = httpcore2.AsyncConnectionPool(
            network_backend=GuardedBackend(allowed), max_connections=AT_ONCE, keepalive_expiry=5
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.aclose()

    async def send(self, url: str, id: str, body: bytes, signer: Webhook) -> Receipt:
        """Post ``body`` once. Never raises for what a receiver does; redirects are not followed."""
        now = datetime.now(UTC)
        headers: dict[bytes | str, bytes | str] = {
            "content-type": "application/json",
            "user-agent": "barometer",
            "webhook-id": id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signer.sign(id, now, body.decode()),
        }
        timeouts = {"timeout": {"connect": CONNECT_TIMEOUT_S, "pool": TIMEOUT_S}}
        try:
            async with (
                asyncio.timeout(TIMEOUT_S),
                self._pool.stream("POST", url, headers=headers, content=body, extensions=timeouts) as answer,
            ):
                return _receipt(answer)
        except Exception as error:  # noqa: BLE001 - one receiver must never stop deliveries to the others
            return Receipt(type(error).__name__)


def _receipt(answer: httpcore2.Response) -> Receipt:
    status = answer.status
    asked = None
    if status in (429, 503):
        after = dict(answer.headers).get(b"retry-after") or dict(answer.headers).get(b"Retry-After") or b""
        asked = timedelta(seconds=int(after)) if after.isdigit() and len(after) < 7 else None
    return Receipt(str(status), 200 <= status < 300, status == 410, asked)


class Deliverer:
    """Empties the outbox, for as long as the gateway lives."""

    def __init__(
        self, redis: "Redis", sender: Sender, base_url: str, traces: Deliveries | None = None
    ) -> None:
        self._redis = redis
        self._sender = sender
        self._base_url = base_url
        self._traces = traces
        self._rung = asyncio.Event()
        self._room = asyncio.Semaphore(AT_ONCE)
        lua = files("gateway").joinpath("lua")
        self._due = redis.register_script(lua.joinpath("due.lua").read_text("utf-8"))
        self._settle = redis.register_script(lua.joinpath("settle.lua").read_text("utf-8"))

    def ring(self) -> None:
        """Say that something is due now."""
        self._rung.set()

    async def run(self) -> None:
        """Deliver what is due, again and again."""
        async with asyncio.TaskGroup() as deliveries:
            while True:
                self._rung.clear()
                try:
                    ids: list[str] = await self._due(keys=[keys.OUTBOX], args=[AT_ONCE, LEASE_S])
                except (RedisError, OSError):
                    ids = []  # the waiters' reader reports Redis as away
                for id in ids:
                    await self._room.acquire()
                    deliveries.create_task(self._deliver(id))
                if len(ids) < AT_ONCE:
                    await self._pause()

    async def _pause(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(IDLE_S):
                await self._rung.wait()

    async def _deliver(self, id: str) -> None:
        try:
            await self._attempt(id)
        except (RedisError, OSError) as error:
            # Not settled: the lease ends and the attempt is repeated under the same webhook-id.
            log.warning("webhook.unsettled", extra={"id": id, "error": type(error).__name__})
        finally:
            self._room.release()

    async def _attempt(self, id: str) -> None:
        fields = cast("dict[str, str]", await self._redis.hgetall(keys.prediction(id)))
        if not fields.get("webhook"):
            await self._redis.zrem(keys.OUTBOX, id)
            log.error("webhook.lost", extra={"id": id, "reason": "its prediction is past its retention"})
            return
        body = prediction_json(cast("Record", {**fields, "id": id}), self._base_url).encode()
        signer = Webhook(await secret(self._redis))
        # A prediction that an operator had run again ends again, and that is another message.
        again = f".{fields['reopened']}" if "reopened" in fields else ""
        made = 1 + int(await self._redis.hget(keys.delivery(id), "attempts") or 0)
        begun_ns = time.time_ns()
        receipt = await self._sender.send(fields["webhook"], f"{id}.completed{again}", body, signer)
        if self._traces:
            self._traces.attempted(fields.get("trace", ""), fields["webhook"], receipt.said, made, begun_ns)
        await self._settled(id, receipt, made)

    async def _settled(self, id: str, receipt: Receipt, made: int) -> None:
        again = None
        if not (receipt.is_delivered or receipt.is_gone):
            again = retry_after(made, random.random(), receipt.retry_after)  # noqa: S311 - no secret
        kept = max(jobs.RETENTION, (again or timedelta()) + MARGIN)
        await self._settle(
            keys=[keys.OUTBOX, keys.delivery(id), keys.prediction(id)],
            args=[
                id,
                receipt.said,
                "" if again is None else again.total_seconds(),
                int(kept.total_seconds()),
            ],
        )
        level = logging.INFO if receipt.is_delivered else logging.WARNING
        event = "webhook.delivered" if receipt.is_delivered else "webhook.failed"
        next_s = again.total_seconds() if again else None
        log.log(level, event, extra={"id": id, "said": receipt.said, "attempt": made, "next_s": next_s})
