"""Old results make room; what is under way, young, or still to be delivered stays."""

import json
from datetime import timedelta

import redis
from redis.asyncio import Redis

from contract import jobs, keys
from gateway.admission import Admission, Bounds, NewPrediction
from gateway.room import Room
from tests.gateway.conftest import running
from tests.working import wait_for


async def filled(redis: Redis, **ttls: int | None) -> None:
    """Create predictions, the oldest first; one that has ended has so many seconds left."""
    admission = Admission(redis, "sentiment", Bounds(1000, 2**28))
    for id, ttl in ttls.items():
        text = json.dumps({"text": id})
        await admission.admit(NewPrediction(id=id, model="sentiment", input=text, owner="a"))
        if ttl is not None:
            await redis.expire(keys.prediction(id), ttl)


async def aged(redis: Redis) -> None:
    """Let all of it have been created an hour ago."""
    entries = await redis.xrange(keys.created("a"))
    await redis.delete(keys.created("a"))
    for entry, fields in entries:
        milliseconds, _, number = entry.partition("-")
        await redis.xadd(keys.created("a"), fields, f"{int(milliseconds) - 3_600_000}-{number}")


async def kept(redis: Redis, *ids: str) -> list[str]:
    return [id for id in ids if await redis.exists(keys.prediction(id))]


DAY_S = int(jobs.RETENTION.total_seconds())


async def test_the_oldest_results_go_and_the_young_and_open_stay(redis_url: str) -> None:
    async with Redis.from_url(redis_url, decode_responses=True) as redis:
        await filled(redis, old=DAY_S - 3600, open=None, older=60, young=DAY_S - 60)
        await aged(redis)
        assert await Room(redis).make() == 2
        assert await kept(redis, "old", "open", "older", "young") == ["open", "young"]
        assert await redis.exists(keys.job("old")) == 0
        assert [fields["id"] for _, fields in await redis.xrange(keys.created("a"))] == ["open", "young"]


async def test_a_result_whose_webhook_is_still_to_be_delivered_stays(redis_url: str) -> None:
    async with Redis.from_url(redis_url, decode_responses=True) as redis:
        await filled(redis, waits=60, told=60)
        await redis.zadd(keys.OUTBOX, {"waits": 1e12})
        await aged(redis)
        assert await Room(redis).make() == 1
        assert await kept(redis, "waits", "told") == ["waits"]


async def test_what_lies_behind_many_open_ones_is_found(redis_url: str) -> None:
    async with Redis.from_url(redis_url, decode_responses=True) as redis:
        await filled(redis, **{f"o{number}": 60 if number >= 500 else None for number in range(600)})
        await aged(redis)
        room = Room(redis)
        assert sum([await room.make() for _ in range(4)]) == 100
        assert await redis.xlen(keys.created("a")) == 500


async def test_what_was_created_just_now_is_not_even_looked_at(redis_url: str) -> None:
    async with Redis.from_url(redis_url, decode_responses=True) as redis:
        await filled(redis, now=60)
        assert await Room(redis).make() == 0
        assert await Room(redis, timedelta(seconds=-1)).make() == 1


async def test_a_gateway_whose_redis_fills_up_forgets_old_results_and_goes_on(redis_server, tmp_path) -> None:
    async with Redis.from_url(redis_server.url, decode_responses=True) as client:
        await filled(client, **{f"o{number}": 60 for number in range(100)})
        await aged(client)
        for number in range(100):
            await client.set(f"ballast:{number}", "x" * 500_000)
    with (
        redis.Redis.from_url(redis_server.url) as server,
        running(redis_server.url, tmp_path / "log") as gateway,
    ):
        server.config_set("maxmemory", int(server.info("memory")["used_memory"] / 0.85))
        try:
            wait_for(lambda: not server.exists(*(keys.prediction(f"o{number}") for number in range(100))))
            assert gateway.create("fine").status_code == 202
        finally:
            server.config_set("maxmemory", 0)
        assert '"results.forgotten"' in gateway.log.read_text()
