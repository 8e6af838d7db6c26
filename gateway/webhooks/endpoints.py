"""Managed endpoints: receivers that an owner subscribes to events, as they lie in Redis.

Subscriptions are sets that the scripts of other services read when they tell of an event; they change in the
same call as the endpoint, and hold enabled endpoints only.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Self, cast

from redis.asyncio import Redis

from contract.scripts import OUTBOX
from gateway.errors import EndpointNotFound, InvalidRequest
from gateway.store import or_unavailable
from gateway.times import rfc3339
from gateway.webhooks.messages import subscription
from gateway.webhooks.signing import FIELDS, SECRET_PREFIX, Secrets, new_secret

#: Then an endpoint's id. Hash: the endpoint, with its signing secret.
ENDPOINT_PREFIX = "barometer:endpoint:"
#: Then an owner. Sorted set of its endpoints' ids by the second at which they were created.
ENDPOINTS_PREFIX = "barometer:endpoints:"
#: Endpoints that one owner may have: each event is looked at once for each of them.
MOST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One managed endpoint. Times are seconds since the epoch, by Redis' clock."""

    id: str
    owner: str
    url: str
    events: tuple[str, ...]
    description: str
    created_at: float
    disabled_at: float | None
    disabled_reason: str | None

    @classmethod
    def from_hash(cls, fields: Mapping[str, str]) -> Self:
        """Read the hash."""
        return cls(
            id=fields["id"],
            owner=fields["owner"],
            url=fields["url"],
            events=tuple(fields["events"].split()),
            description=fields.get("description", ""),
            created_at=float(fields["created_at"]),
            disabled_at=float(fields["disabled_at"]) if "disabled_at" in fields else None,
            disabled_reason=fields.get("disabled_reason"),
        )


def endpoint_object(endpoint: Endpoint) -> dict[str, Any]:
    """Return the endpoint as its owner sees it, without its secret."""
    return {
        "id": endpoint.id,
        "url": endpoint.url,
        "events": list(endpoint.events),
        "description": endpoint.description,
        "enabled": endpoint.disabled_at is None,
        "disabled_at": rfc3339(endpoint.disabled_at),
        "disabled_reason": endpoint.disabled_reason,
        "created_at": rfc3339(endpoint.created_at),
    }


@dataclass(frozen=True, slots=True)
class Change:
    """What to write; None leaves a part as it is."""

    url: str | None = None
    events: Sequence[str] | None = None
    description: str | None = None
    enabled: bool | None = None

    def fields(self, owner: str) -> list[str]:
        """Return fields and values of the hash."""
        found: dict[str, str] = {}
        if self.url is not None:
            found["url"] = self.url
        if self.events is not None:
            found["events"] = " ".join(self.events)
            found["subscriptions"] = " ".join(subscription(owner, type) for type in self.events)
        if self.description is not None:
            found["description"] = self.description
        return [word for pair in found.items() for word in pair]


class Endpoints:
    """The managed endpoints in one Redis. Every method raises QueueUnavailable when Redis is away."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self._secrets = Secrets(redis)
        text = files("gateway").joinpath("lua", "endpoint.lua").read_text("utf-8")
        self._write = redis.register_script(OUTBOX + text)

    @or_unavailable
    async def create(self, owner: str, change: Change) -> Endpoint:
        """Make an endpoint with a secret of its own.

        Raises:
            InvalidRequest: the owner has as many as it may.
        """
        id = f"ep_{secrets.token_hex(12)}"
        secret = ["secret", new_secret()]
        if await self._written(id, owner, "create", change, secret) == "many":
            raise InvalidRequest(f"There are {MOST} endpoints already; delete one that is not needed.")
        return await self._read(id, owner)

    @or_unavailable
    async def change(self, id: str, owner: str, change: Change) -> Endpoint:
        """Change some parts of an endpoint; enabling it forgets why it was disabled.

        Raises:
            EndpointNotFound: unknown, or another owner's.
        """
        self._known(id, await self._written(id, owner, "change", change))
        return await self._read(id, owner)

    @or_unavailable
    async def delete(self, id: str, owner: str) -> None:
        """Delete an endpoint; what was still to be delivered there never is.

        Raises:
            EndpointNotFound: unknown, or another owner's.
        """
        self._known(id, await self._written(id, owner, "delete", Change()))

    @or_unavailable
    async def read(self, id: str, owner: str) -> Endpoint:
        """Return one endpoint.

        Raises:
            EndpointNotFound: unknown, or another owner's.
        """
        return await self._read(id, owner)

    @or_unavailable
    async def all(self, owner: str) -> list[Endpoint]:
        """Return all of an owner's, the newest first."""
        ids = cast("list[str]", await self._redis.zrevrange(ENDPOINTS_PREFIX + owner, 0, -1))
        pipeline = self._redis.pipeline(transaction=False)
        for id in ids:
            pipeline.hgetall(ENDPOINT_PREFIX + id)
        return [Endpoint.from_hash(fields) for fields in await pipeline.execute() if fields] if ids else []

    @or_unavailable
    async def secret(self, id: str, owner: str) -> str:
        """Return an endpoint's signing secret."""
        await self._read(id, owner)
        return str(await self._redis.hget(ENDPOINT_PREFIX + id, FIELDS[0]))

    @or_unavailable
    async def default_secret(self, owner: str) -> str:
        """Return what signs the webhooks of an owner's requests."""
        return str((await self._secrets.of_owner(owner))["secret"])

    @or_unavailable
    async def rotate_default(self, owner: str) -> str:
        """Replace what signs the webhooks of an owner's requests; return the new one."""
        return await self._secrets.rotate(SECRET_PREFIX + owner)

    @or_unavailable
    async def rotate(self, id: str, owner: str) -> str:
        """Replace an endpoint's signing secret; return the new one."""
        await self._read(id, owner)
        return await self._secrets.rotate(ENDPOINT_PREFIX + id)

    async def _written(self, id: str, owner: str, act: str, change: Change, more: Sequence[str] = ()) -> str:
        enabled = "" if change.enabled is None else str(int(change.enabled))
        return str(
            await self._write(
                keys=[ENDPOINT_PREFIX + id, ENDPOINTS_PREFIX + owner],
                args=[id, owner, act, MOST, enabled, *change.fields(owner), *more],
            )
        )

    @staticmethod
    def _known(id: str, answer: str) -> None:
        if answer == "unknown":
            raise _unknown(id)

    async def _read(self, id: str, owner: str) -> Endpoint:
        fields = cast("dict[str, str]", await self._redis.hgetall(ENDPOINT_PREFIX + id))
        if not fields or fields["owner"] != owner:
            raise _unknown(id)
        return Endpoint.from_hash(fields)


def _unknown(id: str) -> EndpointNotFound:
    return EndpointNotFound(f"There is no webhook endpoint {id!r}.")
