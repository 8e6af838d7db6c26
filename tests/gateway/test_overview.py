"""``/v1/overview``: the whole service at a glance, once and live, for those whom it concerns."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx2
import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from contract import keys
from contract.alerts import Alert
from contract.jobs import TRAINING_QUEUE
from gateway.overview.reading import Reader
from gateway.overview.watching import Overviews, Watcher
from gateway.settings import Settings
from gateway.store import Store
from gateway.trainings.queue import Trainings
from gateway.webhooks.deliveries import Journal
from tests.conftest import serve
from tests.gateway.conftest import Gateway
from tests.gateway.receiver import receiving
from tests.working import Rule, wait_for, working


def tell(redis_url: str, at: float, **more: object) -> None:
    """What monitoring does."""
    with Redis.from_url(redis_url) as redis:
        redis.set(keys.OVERVIEW, json.dumps({"at": at, "windows": [], "models": {}, **more}))


def fire(redis_url: str, id: str) -> None:
    alert = Alert(
        id=id, rule="negatives", severity="warning", summary="4 in 5 minutes", count=4, threshold=3,
        window_s=300.0, fired_at=time.time(),
    )  # fmt: skip
    with Redis.from_url(redis_url) as redis:
        redis.hset(keys.alert(id), mapping=alert.to_hash())
        redis.zadd(keys.ALERTS, {id: alert.fired_at})


@contextmanager
def streaming(client: httpx2.Client) -> Iterator[Iterator[tuple[str, Any]]]:
    """The events of the stream, as they come."""

    def events(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
        name = ""
        for line in lines:
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield name, json.loads(line.removeprefix("data: "))

    with client.stream("GET", "/v1/overview/stream") as answer:
        assert answer.status_code == 200
        yield events(answer.iter_lines())


def test_it_counts_queues_workers_webhooks_trainers_and_alerts(gateway: Gateway, redis_url: str) -> None:
    gateway.create("waits", priority="bulk")
    before = gateway.http.get("/v1/overview").json()
    assert (before["history"], before["monitoring"]) == (None, {"is_present": False, "at": None})
    [model] = before["models"]
    assert (model["name"], model["workers"]) == ("sentiment", [])
    assert {queue["lane"]: queue["waiting"] for queue in model["queues"]} == {
        "high": 0, "default": 0, "bulk": 1, "explain": 0,
    }  # fmt: skip
    fire(redis_url, "negatives-1")
    with Redis.from_url(redis_url) as redis:
        redis.sadd(keys.workers(TRAINING_QUEUE), "rq:worker:alive", "rq:worker:dead")
        redis.hset("rq:worker:alive", "state", "idle")
    tell(redis_url, time.time(), windows=[{"subject": "sentiment", "count": 2}], new_some_day=1)
    with working(redis_url, Rule()), receiving(*[(500, {})] * 9) as receiver:
        gateway.create("fails to arrive", "wait", webhook=receiver.url)
        wait_for(lambda: gateway.http.get("/v1/overview").json()["webhooks"]["failing"] == 1)
        after = gateway.http.get("/v1/overview").json()
    assert after["models"][0]["workers"] == [{"version": "1", "count": 1}]
    assert after["webhooks"] == {"waiting": 1, "due": 0, "failing": 1}
    assert after["trainers"] == 1
    assert [alert["id"] for alert in after["alerts"]] == ["negatives-1"]
    assert after["monitoring"]["is_present"]
    assert after["history"]["windows"] == [{"subject": "sentiment", "count": 2}]
    assert after["history"]["new_some_day"] == 1
    assert "waits" not in json.dumps(after)


@pytest.mark.parametrize("told", ["", "no JSON", "[]", "{}", '{"at": "noon"}'])
def test_what_monitoring_cannot_have_told_is_nothing(told: str, gateway: Gateway, redis_url: str) -> None:
    with Redis.from_url(redis_url) as redis:
        redis.set(keys.OVERVIEW, told)
    answer = gateway.http.get("/v1/overview")
    assert (answer.status_code, answer.json()["history"]) == (200, None)


def test_an_old_history_is_told_as_old(gateway: Gateway, redis_url: str) -> None:
    tell(redis_url, time.time() - 60)
    told = gateway.http.get("/v1/overview").json()
    assert not told["monitoring"]["is_present"]
    assert told["monitoring"]["at"] == told["history"]["at"]


def test_watchers_hear_what_happens_and_each_history_once(gateway: Gateway, redis_url: str) -> None:
    tell(redis_url, 1.0)
    with streaming(gateway.http) as first, streaming(gateway.http) as second:
        for events in (first, second):
            heard = dict((next(events), next(events)))
            assert heard["present"]["alerts"] == []
            assert heard["history"]["at"] == 1.0
        fire(redis_url, "negatives-2")
        for events in (first, second):
            name, told = next(event for event in events if event[1].get("alerts"))
            # Monitoring told nothing new, so nothing is told twice.
            assert (name, told["alerts"][0]["id"]) == ("present", "negatives-2")


async def test_a_watcher_is_told_that_redis_is_away_and_that_it_is_back() -> None:
    with contextmanager(serve)("embedded") as server:
        async with looking(server.url) as overviews:
            with overviews.watching() as watcher:
                await heard(watcher, b"event: present")
                server.kill()
                assert b"does not answer" in await heard(watcher, b"event: away")
                server.start()
                await heard(watcher, b"event: present")


@asynccontextmanager
async def looking(redis_url: str) -> AsyncIterator[Overviews]:
    """What looks for watchers, forty times as often."""
    redis = AsyncRedis.from_url(redis_url, decode_responses=True)
    reader = Reader(redis, Settings(), Store(redis), Journal(redis), Trainings(redis))
    overviews = Overviews(reader, every_s=0.05)
    task = asyncio.create_task(overviews.run())
    yield overviews
    task.cancel()
    await asyncio.wait([task])
    await redis.aclose()


async def heard(watcher: Watcher, words: bytes) -> bytes:
    """The first message with these words."""
    while words not in (news := await watcher.news()):
        pass
    return news


async def test_redis_is_asked_nothing_while_nobody_watches(apart_url: str) -> None:
    async with looking(apart_url) as overviews, AsyncRedis.from_url(apart_url) as redis:

        async def asked() -> int:
            """Calls within half a second, beside our own."""
            before = int((await redis.info("stats"))["total_commands_processed"])
            await asyncio.sleep(0.5)
            return int((await redis.info("stats"))["total_commands_processed"]) - before - 1

        with overviews.watching() as watcher, overviews.watching() as other:
            await heard(watcher, b"event: present")
            await heard(other, b"event: present")
            assert await asked() > 0
        # The look that is under way ends.
        while await asked() > 0:
            pass


async def test_who_does_not_read_holds_one_message_of_each_kind() -> None:
    watcher = Watcher()
    for number in range(100):
        watcher.tell("present", b"%d" % number)
    watcher.tell("history", b"x")
    assert await watcher.news() == b"99x"
