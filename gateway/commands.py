"""``python -m gateway keys``: making, listing and revoking API keys, whether or not a gateway runs."""

import asyncio
import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError

from gateway.access import Scope
from gateway.settings import Settings
from telemetry import supervisor

if TYPE_CHECKING:
    from redis import Redis

    from gateway.keyring import Key

keys = typer.Typer(
    help="Make, list and revoke API keys. They lie in Redis (`REDIS_URL`), as hashes.", no_args_is_help=True
)

_DEFAULT = [Scope.PREDICT, Scope.READ, Scope.FEEDBACK]


def settings_or_exit() -> Settings:
    """Return the settings of the environment, or end the process with a sentence for each that is wrong."""
    try:
        return Settings(**supervisor.credentials())
    except ValidationError as error:
        for problem in error.errors():
            print(f"gateway: {problem['loc'][0]}: {problem['msg']}", file=sys.stderr)
        raise typer.Exit(2) from None


@keys.command()
def make(
    name: Annotated[str, typer.Argument(help="Whose key it is, for people who read the list.")],
    scope: Annotated[list[Scope], typer.Option(help="What it is good for; once for each.")] = _DEFAULT,
    quota: Annotated[
        int | None, typer.Option(min=1, help="Predictions it may create a minute.  [default: no bound]")
    ] = None,
) -> None:
    """Make a key and print it. It is shown once, and kept nowhere.

    Running gateways know it at once. From the first key on, nobody comes in without one.

    Examples:

    - `python -m gateway keys make shop --quota 600`
    - `python -m gateway keys make dashboard --scope read`
    """
    from gateway import keyring

    key, text = keyring.make(name, scope, quota)
    with _redis() as redis:
        redis.hset(keyring.KEYS, key.id, key.model_dump_json())
    print(text)


@keys.command("list")
def list_() -> None:
    """List all keys ever made: id, since when, scopes, quota a minute, name.

    Example: `python -m gateway keys list`
    """
    for key in sorted(_stored(), key=lambda key: key.created_at):
        state = f"revoked {key.revoked_at}" if key.revoked_at else f"since {key.created_at}"
        quota = "no quota" if key.quota is None else f"{key.quota}/min"
        print(f"{key.id}  {state}  {','.join(sorted(key.scopes))}  {quota}  {key.name}")


@keys.command()
def revoke(id: Annotated[str, typer.Argument(help="As `keys list` shows it.")]) -> None:
    """Revoke a key: within two seconds every gateway refuses it.

    Its webhook endpoints are disabled. What it created stays its own, and goes when its time is over.

    Example: `python -m gateway keys revoke k3v9x0a2bq`
    """
    from gateway import keyring

    found = next((key for key in _stored() if key.id == id), None)
    if found is None:
        print(f"gateway: there is no key {id}: 'python -m gateway keys list' shows them.", file=sys.stderr)
        raise typer.Exit(1)
    with _redis() as redis:
        redis.hset(keyring.KEYS, id, found.revoked().model_dump_json())
        asyncio.run(_disable_endpoints(id))
    print(f"{id} is revoked.")


async def _disable_endpoints(owner: str) -> None:
    from redis.asyncio import Redis

    from gateway.webhooks.endpoints import Change, Endpoints

    async with Redis.from_url(settings_or_exit().redis_url, decode_responses=True) as redis:
        endpoints = Endpoints(redis)
        for endpoint in await endpoints.all(owner):
            await endpoints.change(endpoint.id, owner, Change(enabled=False))


def keyless(redis_url: str) -> bool | None:
    """Whether no key was ever made; None where Redis does not say."""
    import redis

    from gateway import keyring

    try:
        with redis.Redis.from_url(redis_url, socket_timeout=5, socket_connect_timeout=5) as client:
            return not client.exists(keyring.KEYS)
    except (redis.RedisError, OSError):
        return None


def _stored() -> "list[Key]":
    from gateway import keyring

    with _redis() as redis:
        stored: dict[str, str] = redis.hgetall(keyring.KEYS)  # type: ignore[assignment]  # not awaited here
    return [keyring.Key.model_validate_json(text) for text in stored.values()]


@contextlib.contextmanager
def _redis() -> "Iterator[Redis]":
    import redis

    try:
        with redis.Redis.from_url(
            settings_or_exit().redis_url, decode_responses=True, socket_timeout=5, socket_connect_timeout=5
        ) as client:
            yield client
    except (redis.RedisError, OSError, ValueError) as error:
        # Not the address: there may be a password in it.
        print(
            f"gateway: Redis does not answer ({type(error).__name__}): is REDIS_URL right?", file=sys.stderr
        )
        raise typer.Exit(1) from None
