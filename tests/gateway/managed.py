"""Managed endpoints in tests: made over HTTP, and what their receivers got, verified."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
from redis import Redis
from standardwebhooks import Webhook

from contract import keys
from gateway.access import Scope
from gateway.keyring import KEYS, make
from tests.gateway.conftest import Gateway
from tests.gateway.receiver import Receiver

PATH = "/v1/webhook-endpoints"


def endpoint(http: httpx2.Client, url: str, *events: str, **fields: Any) -> dict[str, Any]:
    answer = http.post(PATH, json={"url": url, "events": events or ["prediction.succeeded"], **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


def verified(http: httpx2.Client, id: str, receiver: Receiver) -> list[dict[str, Any]]:
    """What a receiver got, as the released verifier reads it."""
    verifier = Webhook(http.get(f"{PATH}/{id}/secret").json()["key"])
    return [verifier.verify(received.body, received.headers) for received in receiver.received]


def new_key(redis_url: str, *scopes: Scope) -> str:
    """Make a key, best before the gateway starts: it reads them once a second."""
    key, text = make("test", scopes, None)
    with Redis.from_url(redis_url) as redis:
        redis.hset(KEYS, key.id, key.model_dump_json())
    return text


@contextmanager
def bearing(gateway: Gateway, key: str) -> Iterator[httpx2.Client]:
    """A client with this key."""
    headers = {"Authorization": f"Bearer {key}"}
    with httpx2.Client(base_url=gateway.url, timeout=30, trust_env=False, headers=headers) as client:
        yield client


def outbox(redis_url: str) -> dict[str, float]:
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        return dict(redis.zrange(keys.OUTBOX, 0, -1, withscores=True))
