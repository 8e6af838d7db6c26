"""Receivers do not feel each other, however many deliveries wait and whoever hangs."""

import time

import pytest
from redis import Redis

from contract import keys
from gateway.webhooks.fairness import FIRST
from tests.gateway.conftest import Start
from tests.gateway.crowd import Member, crowd
from tests.working import wait_for


def enqueue(redis_url: str, members: list[Member], each: int) -> None:
    """Have so many predictions of each receiver ended, the hanging receivers' first."""
    with Redis.from_url(redis_url) as redis:
        pipeline = redis.pipeline(transaction=False)
        now = time.time()
        for place, member in enumerate(reversed(members)):
            for number in range(each):
                id = f"p{place:03}-{number:05}"
                pipeline.hset(keys.prediction(id), mapping={
                    "model": "sentiment", "status": "succeeded", "input": '{"text":"fine"}', "owner": "",
                    "created_at": f"{now:.6f}", "started_at": f"{now:.6f}", "completed_at": f"{now:.6f}",
                    "webhook": member.url,
                })  # fmt: skip
                # What hangs is due before everything else.
                pipeline.zadd(keys.OUTBOX, {id: now - 1000 + place})
        pipeline.execute()


@pytest.mark.parametrize(
    ("answering", "hanging", "each"),
    [
        (9, 1, 120),
        pytest.param(90, 10, 12, marks=pytest.mark.slow),
        pytest.param(9, 1, 1000, marks=pytest.mark.slow),
    ],
)
def test_nine_of_ten_get_theirs_while_the_tenth_hangs(
    start: Start, apart_url: str, answering: int, hanging: int, each: int
) -> None:
    with crowd(answering, hanging) as members:
        enqueue(apart_url, members, each)
        with start(GATEWAY_LOG_LEVEL="WARNING"):
            # Before the first of those that hang is given up, its slots would be all there are.
            wait_for(lambda: all(len(one.got) >= each for one in members if not one.hangs), seconds=60)
        for one in members:
            if one.hangs:
                assert 0 < one.most_open <= FIRST
            else:
                assert len(one.got) == len(set(one.got)) == each


def test_more_than_there_is_room_for_is_put_back_and_not_lost(start: Start, apart_url: str) -> None:
    with crowd(1, 0) as [member]:
        enqueue(apart_url, [member], 1_500)
        with start(GATEWAY_LOG_LEVEL="ERROR"), Redis.from_url(apart_url) as redis:
            wait_for(lambda: redis.zcard(keys.OUTBOX) == 0, seconds=60)
        assert len(set(member.got)) == 1_500
