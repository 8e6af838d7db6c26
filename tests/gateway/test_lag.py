"""A gateway that is asked for more than it can do says so at once."""

import asyncio
import time

import pytest

from gateway.errors import Overloaded
from gateway.lag import EVERY_S, MOST_S, Lag
from tests.gateway.conftest import Start, held_up
from tests.working import wait_for


async def test_a_loop_that_is_held_up_again_and_again_is_late_until_it_is_not() -> None:
    lag = Lag()
    measuring = asyncio.create_task(lag.run())
    await asyncio.sleep(2 * EVERY_S)
    lag.check()
    await paused()
    lag.check()
    await paused()
    with pytest.raises(Overloaded):
        lag.check()
    await asyncio.sleep(3 * EVERY_S)
    lag.check()
    measuring.cancel()


async def paused() -> None:
    time.sleep(2 * MOST_S)  # noqa: ASYNC251 - this is the fault
    await asyncio.sleep(EVERY_S / 5)


def test_creates_are_then_refused_until_it_has_caught_up(start: Start) -> None:
    with start() as gateway:
        assert gateway.create("fine").status_code == 202
        with held_up(gateway):
            answers = [gateway.create("fine") for _ in range(20)]
        refused = [answer for answer in answers if answer.status_code == 503]
        assert refused
        assert {answer.json()["code"] for answer in refused} == {"overloaded"}
        assert {answer.headers["Retry-After"] for answer in refused} == {"1"}
        wait_for(lambda: gateway.create("fine").status_code == 202, seconds=5)
