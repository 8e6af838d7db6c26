"""Admission over a real Redis: one call for many, and a call that is repeated."""

import asyncio

import pytest
from redis.asyncio import Redis

from contract import keys
from gateway.admission import Admission, Bounds, NewPrediction
from gateway.errors import QueueFull, QueueUnavailable


def new(number: int) -> NewPrediction:
    return NewPrediction(id=f"p{number:04}", model="sentiment", input=f'{{"text":"text {number}"}}')


async def test_what_is_sent_twice_because_the_answer_was_lost_is_one_prediction(redis_url: str) -> None:
    async with Redis.from_url(redis_url, decode_responses=True) as redis:
        admission = Admission(redis, "sentiment", Bounds(10, 2**28))
        first = await admission.admit(new(1))
        await redis.hset(keys.prediction("p0001"), "status", "processing")
        assert await admission.admit(new(1)) == first
        assert await redis.lrange(keys.queue("sentiment"), 0, -1) == ["p0001"]
        assert await redis.hget(keys.prediction("p0001"), "status") == "processing"


async def test_those_that_come_during_a_call_go_together_in_the_next(redis_url: str) -> None:
    async with Redis.from_url(redis_url, decode_responses=True) as redis:
        admission = Admission(redis, "sentiment", Bounds(1000, 2**28))
        await admission.admit(new(0))
        before = (await redis.info("commandstats"))["cmdstat_evalsha"]["calls"]
        await asyncio.gather(*(admission.admit(new(number)) for number in range(1, 101)))
        calls = (await redis.info("commandstats"))["cmdstat_evalsha"]["calls"] - before
        assert calls <= 2
        queued = await redis.lrange(keys.queue("sentiment"), 0, -1)
    assert queued == [f"p{number:04}" for number in range(101)], "in the order of arrival"


async def test_a_full_queue_takes_as_many_as_there_is_room(redis_url: str) -> None:
    async with Redis.from_url(redis_url, decode_responses=True) as redis:
        admission = Admission(redis, "sentiment", Bounds(3, 2**28))
        ended = await asyncio.gather(
            *(admission.admit(new(number)) for number in range(5)), return_exceptions=True
        )
        assert [isinstance(end, QueueFull) for end in ended] == [False, False, False, True, True]


async def test_each_of_many_learns_that_redis_is_away(tmp_path) -> None:
    redis = Redis.from_url(f"unix://{tmp_path}/nobody.sock", decode_responses=True)
    admission = Admission(redis, "sentiment", Bounds(3, 2**28))
    ended = await asyncio.gather(
        *(admission.admit(new(number)) for number in range(5)), return_exceptions=True
    )
    assert [type(end) for end in ended] == [QueueUnavailable] * 5
    await redis.aclose()


async def test_what_cannot_be_written_down_harms_nobody_else(redis_url: str) -> None:
    broken = NewPrediction(id="p9", model="sentiment", input='{"text":"\ud800"}')
    async with Redis.from_url(redis_url, decode_responses=True) as redis:
        admission = Admission(redis, "sentiment", Bounds(3, 2**28))
        with pytest.raises(UnicodeEncodeError):
            await admission.admit(broken)
        assert float((await admission.admit(new(1))).created_at) > 0
