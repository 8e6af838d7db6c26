"""Gateways killed at random while they deliver: nothing is lost, forged, or told twice under two names."""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Self

import httpx2
import pytest
from redis import Redis
from standardwebhooks import Webhook

from contract import keys
from gateway.webhooks.signing import SECRET_PREFIX, new_secret
from tests.conftest import serve
from tests.gateway.conftest import Gateway, running
from tests.gateway.managed import endpoint, outbox
from tests.gateway.receiver import Receiver, receiving
from tests.gateway.test_webhooks import due_now
from tests.working import Rule, wait_for, working

#: A receiver that sometimes has no room.
FAILURES = 0.1


class Load:
    """Sends texts to whichever gateway answers, and remembers which were accepted."""

    def __init__(self, webhook: str) -> None:
        self.webhook, self.url, self.accepted = webhook, "", set[str]()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(40)

    def _run(self) -> None:
        with httpx2.Client(timeout=10, trust_env=False) as http:
            while not self._stop.wait(0.005):
                body = {"input": {"text": "fine"}, "webhook": self.webhook}
                try:
                    answer = http.post(f"{self.url}/v1/predictions", json=body)
                except httpx2.TransportError:
                    continue  # killed; what was not accepted is not promised
                if answer.status_code == 202:
                    self.accepted.add(answer.json()["id"])


@contextmanager
def unsteady() -> Iterator[Receiver]:
    """A receiver that fails now and then."""
    chance = random.Random(7)
    answers = [(503 if chance.random() < FAILURES else 204, {}) for _ in range(100_000)]
    with receiving(*answers) as receiver:
        yield receiver


@pytest.mark.timeout(400)
@pytest.mark.parametrize("seconds", [12, pytest.param(120, marks=pytest.mark.slow)])
def test_every_webhook_is_delivered_whenever_gateways_are_killed(tmp_path, seconds: int) -> None:
    chance, kills = random.Random(3), 0
    with ExitStack() as stack:
        redis_url = next(served := serve("embedded")).url
        stack.callback(lambda: next(served, None))
        own, managed = stack.enter_context(unsteady()), stack.enter_context(unsteady())
        stack.enter_context(working(redis_url, Rule()))
        # A killed gateway's successor has another port, so both lie in Redis alone.
        with Redis.from_url(redis_url) as redis:
            redis.hset(SECRET_PREFIX, "secret", new_secret())
        with running(redis_url, tmp_path / "log") as gateway:
            id = endpoint(gateway.http, managed.url, "prediction.succeeded")["id"]
        load = stack.enter_context(Load(own.url))
        ends = time.monotonic() + seconds
        while time.monotonic() < ends or kills < 4:
            with running(redis_url, tmp_path / "log") as gateway:
                load.url = gateway.url
                time.sleep(chance.uniform(0.5, 3))
                gateway.process.kill()
                gateway.process.wait()
                kills += 1
        with running(redis_url, tmp_path / "log", GATEWAY_LOG_LEVEL="WARNING") as gateway:
            load.url = gateway.url
            load.stop()
            wait_for(lambda: _emptied(redis_url), seconds=90)
            judge(gateway, load.accepted, own, "/v1/webhooks/default/secret", "{}.completed")
            secret = f"/v1/webhook-endpoints/{id}/secret"
            judge(gateway, load.accepted, managed, secret, f"{{}}.prediction.succeeded.{id}")
    assert len(load.accepted) > 100


def _emptied(redis_url: str) -> bool:
    """Let no time pass until the next attempts and until the leases of the dead end."""
    with Redis.from_url(redis_url) as redis:
        if redis.llen(keys.queue("sentiment")) or redis.zcard(keys.LEASES):
            return False
    if outbox(redis_url):
        due_now(redis_url)
        time.sleep(0.5)
    return not outbox(redis_url)


def judge(gateway: Gateway, accepted: set[str], receiver: Receiver, secret: str, name: str) -> None:
    """Each accepted prediction was told at least once, signed rightly, always under its one name."""
    verifier = Webhook(gateway.http.get(secret).json()["key"])
    told: dict[str, set[str]] = {}
    for received in receiver.received:
        verifier.verify(received.body, received.headers, json_parse=False)
        body = json.loads(received.body)
        told.setdefault(body.get("data", body)["id"], set()).add(received.headers["webhook-id"])
    # A create whose answer was lost may have been accepted all the same.
    assert accepted <= told.keys()
    assert told == {id: {name.format(id)} for id in told}
    assert max(Counter(received.headers["webhook-id"] for received in receiver.received).values()) > 1
