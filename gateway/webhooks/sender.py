"""One attempt: a signed request to one receiver, and what came of it.

Never raises for what a receiver does. Knows HTTP and signatures; does not know when to try again.
"""

import asyncio
import contextlib
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import httpcore2

from gateway.settings import Network
from gateway.webhooks.guard import GuardedBackend
from gateway.webhooks.signing import signature

#: The whole exchange, so that a receiver that never ends its answer holds nothing for longer.
TIMEOUT_S = 15.0
CONNECT_TIMEOUT_S = 5.0
#: For the body of an answer whose status is there: the status alone decides.
BODY_TIMEOUT_S = 2.0
#: Read of a receiver's answer; if there is more, the connection is closed.
ANSWER_BYTES = 1024
#: A pool looks at all of its connections for each request, so receivers share it with few others.
POOLS = 64
#: Answers are compared with texts by pieces of this length, so far apart: any eleven characters hold one.
_PIECE, _STEP = 8, 4

_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


@dataclass(frozen=True, slots=True)
class Receipt:
    """How one attempt ended: the status, or the class of what went wrong."""

    said: str
    is_delivered: bool = False
    is_gone: bool = False
    retry_after: timedelta | None = None
    answer: bytes = b""
    duration_ms: int = 0


class Sender:
    """Sends signed requests, to allowed addresses only.

    Args:
        allowed: addresses that may be reached although they are not public.
        at_once: connections to one receiver at the same time.
    """

    def __init__(self, allowed: Sequence[Network], at_once: int) -> None:
        backend = GuardedBackend(allowed)
        self._pools = [
            httpcore2.AsyncConnectionPool(
                network_backend=backend, max_connections=at_once, keepalive_expiry=5
            )
            for _ in range(POOLS)
        ]

    async def close(self) -> None:
        """Close all connections."""
        for pool in self._pools:
            await pool.aclose()

    async def send(self, url: str, id: str, body: str, signing: Sequence[str]) -> Receipt:
        """Post ``body`` once; redirects are not followed."""
        now, begun = datetime.now(UTC), time.monotonic()
        headers: dict[bytes | str, bytes | str] = {
            "content-type": "application/json",
            "user-agent": "barometer",
            "webhook-id": id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signature(signing, id, now, body),
        }
        timeouts = {"timeout": {"connect": CONNECT_TIMEOUT_S, "pool": TIMEOUT_S}}
        try:
            async with (
                asyncio.timeout(TIMEOUT_S),
                self._pool(url).stream(
                    "POST", url, headers=headers, content=body.encode(), extensions=timeouts
                ) as answer,
            ):
                receipt = _receipt(answer, await _beginning(answer))
        except Exception as error:  # noqa: BLE001 - one receiver must never stop deliveries to the others
            receipt = Receipt(type(error).__name__)
        return replace(receipt, duration_ms=round((time.monotonic() - begun) * 1000))

    def _pool(self, url: str) -> httpcore2.AsyncConnectionPool:
        """Return the same pool for the same receiver."""
        return self._pools[hash(urlsplit(url).netloc) % POOLS]


async def _beginning(answer: httpcore2.Response) -> bytes:
    """Return the first bytes of an answer, as far as they come in time."""
    read = bytearray()
    with contextlib.suppress(TimeoutError, httpcore2.NetworkError, httpcore2.ProtocolError):
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for chunk in answer.aiter_stream():
                read += chunk
                if len(read) > ANSWER_BYTES:
                    break
    return bytes(read[:ANSWER_BYTES])


def _receipt(answer: httpcore2.Response, read: bytes) -> Receipt:
    status = answer.status
    asked = None
    if status in (429, 503):
        after = {name.lower(): value for name, value in answer.headers}.get(b"retry-after", b"")
        asked = timedelta(seconds=int(after)) if after.isdigit() and len(after) < 7 else None
    return Receipt(str(status), 200 <= status < 300, status == 410, asked, read)


def excerpt(answer: bytes, private: Sequence[str]) -> str:
    """Return what may be written down of an answer: nothing of it if it repeats what a user wrote.

    Receivers echo what they cannot read; a user's text must not get into the log by that way.

    Args:
        answer: the first bytes of a receiver's answer.
        private: what users wrote into the message.
    """
    said = answer.decode("utf-8", "replace").replace("\0", "")
    read = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), said)
    pieces = [read[at : at + _PIECE] for at in range(0, len(read) - _PIECE + 1, _STEP)]
    for words in filter(None, private):
        if words in read or any(piece in words for piece in pieces):
            return ""
    return said
