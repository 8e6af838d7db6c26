"""Signing secrets, one for each owner and managed endpoint, and signatures as Standard Webhooks says.

A secret is three fields of a hash: ``secret``, and after a rotation ``old_secret`` until ``old_until``, a day
later. While there are two, both sign, so a receiver may change over whenever it likes within that day.
"""

import base64
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from importlib.resources import files
from typing import cast

from redis.asyncio import Redis
from standardwebhooks import Webhook

#: Then an owner. Hash: what signs the webhooks of its requests.
SECRET_PREFIX = "barometer:webhook-secret:"  # noqa: S105 - the name of a key, not a secret
#: How long the old secret signs too.
OVERLAP = timedelta(hours=24)

FIELDS = ("secret", "old_secret", "old_until")


def new_secret() -> str:
    """Return ``whsec_`` and base64 of 32 random bytes."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def signing(fields: Mapping[str, str | None], now: float) -> list[str]:
    """Return the secrets that sign now, the newest first."""
    old = fields.get("old_secret") if float(fields.get("old_until") or 0) > now else None
    return [secret for secret in (fields.get("secret"), old) if secret]


def signature(signing: Sequence[str], id: str, at: datetime, body: str) -> str:
    """Return the header ``webhook-signature``."""
    return " ".join(Webhook(secret).sign(id, at, body) for secret in signing)


class Secrets:
    """Secrets in Redis."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self._rotate = redis.register_script(
            files("gateway").joinpath("lua", "rotate.lua").read_text("utf-8")
        )

    async def of_owner(self, owner: str) -> dict[str, str | None]:
        """Return the fields of an owner's secret; the first gateway to ask makes it."""
        key = SECRET_PREFIX + owner
        found = await self._redis.hmget(key, FIELDS)
        if not found[0]:
            await self._redis.hsetnx(key, "secret", new_secret())
            found = await self._redis.hmget(key, FIELDS)
        return dict(zip(FIELDS, cast("list[str | None]", found), strict=True))

    async def rotate(self, key: str) -> str:
        """Replace the secret in the hash at ``key``, keeping the old one; return the new one."""
        return str(await self._rotate(keys=[key], args=[new_secret(), int(OVERLAP.total_seconds())]))
