"""API keys: how one is made, how it lies in Redis, and the ring by which a gateway knows them again.

A key is ``brm_ID_SECRET``. Redis holds its SHA-256, never the key: 32 random bytes need no slow hash. A
request costs no round trip: the ring is a dictionary, read anew every second, so a revoked key stops within
two.
"""

import asyncio
import hashlib
import hmac
import logging
import re
import secrets
import string
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from gateway.access import ANYBODY, Caller, Scope
from gateway.errors import QueueUnavailable, Unauthenticated
from gateway.links import owner_by_token

log = logging.getLogger(__name__)

#: Hash: the id of each key ever made and its ``Key`` as JSON. A revoked one stays: while there is any, nobody
#: comes in without a key.
KEYS = "barometer:keys"
#: How often the ring is read.
EVERY_S = 1.0
#: An unknown key asks Redis, in case it was made just now; whoever guesses asks no oftener than this.
PAUSE_S = 0.25
#: A Redis that does not answer by then is away.
PATIENCE_S = 1.0

_ID_LENGTH = 10
_LETTERS = string.ascii_lowercase + string.digits
#: Older clients of the Replicate dialect say Token.
_SENT = re.compile(rb"(?i:bearer|token) +(brm_([a-z0-9]{8,12})_[A-Za-z0-9_-]{43})")

Headers = Iterable[tuple[bytes, bytes]]


class Key(BaseModel):
    """What Redis knows of a key. Times are RFC 3339 in UTC."""

    model_config = ConfigDict(frozen=True)

    id: Annotated[str, Field(pattern="^[a-z0-9]{8,12}$")]
    name: str
    scopes: frozenset[Scope]
    quota: Annotated[int | None, Field(ge=1)] = None
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    created_at: str
    revoked_at: str | None = None

    def revoked(self) -> "Key":
        """Return this key as good for nothing from now on."""
        return self.model_copy(update={"revoked_at": self.revoked_at or _now()})


def make(name: str, scopes: Iterable[Scope], quota: int | None) -> tuple[Key, str]:
    """Return a new key and its text, which is nowhere else.

    Args:
        name: whose it is, for people.
        scopes: what it is good for.
        quota: predictions it may create a minute; None: as many as it likes.
    """
    id = "".join(secrets.choice(_LETTERS) for _ in range(_ID_LENGTH))
    text = f"brm_{id}_{secrets.token_urlsafe(32)}"
    digest = hashlib.sha256(text.encode()).hexdigest()
    key = Key(id=id, name=name, scopes=frozenset(scopes), quota=quota, sha256=digest, created_at=_now())
    return key, text


@dataclass(frozen=True, slots=True)
class _Held:
    digest: bytes
    caller: Caller


class Keyring:
    """The keys that one gateway process knows.

    Args:
        may_open: whether anybody may do everything while no key was ever made.
    """

    def __init__(self, *, may_open: bool) -> None:
        self._may_open = may_open
        self._redis: Redis | None = None
        self._stored: dict[str, str] | None = None
        self._held: dict[bytes, _Held] = {}
        #: Nobody is asked for a key. Never again once there was one, even if Redis lost it.
        self._is_open = False
        self._was_keyed = False
        self._asking = asyncio.Lock()
        self._asked_at = float("-inf")

    async def connect(self, redis: "Redis") -> None:
        """Read the keys for the first time; a Redis that is away is asked again by :meth:`run`."""
        self._redis = redis
        await self._refresh()
        if self._is_open:
            log.warning(
                "gateway.open", extra={"hint": "no keys: whoever reaches this address may do everything"}
            )

    async def run(self) -> None:
        """Read the keys again and again. While Redis is away, those known go on."""
        while True:
            await asyncio.sleep(EVERY_S)
            await self._refresh()

    def known(self, headers: Headers) -> Caller | None:
        """Return who sent a request, as far as this process knows."""
        if self._is_open:
            return ANYBODY
        sent = _sent(headers)
        held = self._held.get(sent[2]) if sent else None
        if sent and held and hmac.compare_digest(hashlib.sha256(sent[1]).digest(), held.digest):
            return held.caller
        return None

    def digest(self, id: str) -> bytes | None:
        """Return the stored hash of a key that is good now."""
        held = self._held.get(id.encode())
        return held.digest if held else None

    def streaming(self, path: str, query: bytes) -> Caller | None:
        """Return who may follow the stream at this address, by the token that it carries."""
        owner = owner_by_token(path, query, self.digest)
        return Caller(owner, frozenset({Scope.READ})) if owner else None

    async def ask(self, headers: Headers) -> Caller:
        """Return who sent a request that :meth:`known` does not know; the key may have been made just now.

        Raises:
            Unauthenticated: it has no key, or one that was never made, or was revoked.
            QueueUnavailable: Redis was never there to say which keys there are.
        """
        sent = _sent(headers)
        if self._stored is None or (sent and sent[2].decode() not in self._stored):
            await self._ask()
        if found := self.known(headers):
            return found
        if self._stored is None:
            raise QueueUnavailable("Keys cannot be checked while Redis is away. Try again shortly.")
        if sent:
            raise Unauthenticated("This key is unknown or was revoked.")
        raise Unauthenticated("Send a key: 'Authorization: Bearer brm_...'.")

    async def _ask(self) -> None:
        async with self._asking:
            loop = asyncio.get_running_loop()
            if loop.time() - self._asked_at < PAUSE_S:
                return
            await self._refresh()
            # From the end: whoever waited here while Redis hung does not ask once more.
            self._asked_at = loop.time()

    async def _refresh(self) -> None:
        assert self._redis is not None, "connect first"
        try:
            async with asyncio.timeout(PATIENCE_S):
                stored = cast("dict[str, str]", await self._redis.hgetall(KEYS))
        except (RedisError, OSError) as error:
            log.debug("keys.missed", extra={"error": type(error).__name__})
            return
        if stored != self._stored:
            self._take(stored)

    def _take(self, stored: dict[str, str]) -> None:
        self._held = {}
        for id, text in stored.items():
            try:
                key = Key.model_validate_json(text)
            except ValidationError:
                log.error("keys.unreadable", extra={"key": id})  # noqa: TRY400 - the trace would quote it
                continue
            if key.revoked_at is None:
                caller = Caller(key.id, key.scopes, key.quota)
                self._held[key.id.encode()] = _Held(bytes.fromhex(key.sha256), caller)
        self._stored = stored
        self._was_keyed = self._was_keyed or bool(stored)
        self._is_open = self._may_open and not self._was_keyed


def _sent(headers: Headers) -> re.Match[bytes] | None:
    for name, value in headers:
        if name == b"authorization":
            return _SENT.fullmatch(value)
    return None


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
