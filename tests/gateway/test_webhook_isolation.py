"""Receivers do not feel each other, however many deliveries wait and whoever hangs."""

import pytest
from redis import Redis

from benchmarks.receivers import crowd, have_ended
from contract import keys
from gateway.webhooks.fairness import FIRST
from tests.gateway.conftest import Start
from tests.working import wait_for


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
        have_ended(apart_url, members, each)
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
        have_ended(apart_url, [member], 1_500)
        with start(GATEWAY_LOG_LEVEL="ERROR"), Redis.from_url(apart_url) as redis:
            wait_for(lambda: redis.zcard(keys.OUTBOX) == 0, seconds=60)
        assert len(set(member.got)) == 1_500
