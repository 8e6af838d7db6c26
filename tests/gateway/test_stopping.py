"""A gateway that is told to stop stops, whatever its background tasks are in the middle of."""

import asyncio
import random

from gateway.app import create_app
from gateway.settings import Settings

GATEWAYS = 100
#: The stop itself takes milliseconds; a hundred at once on a busy machine take longer.
PATIENCE_S = 20


async def _life(settings: Settings, lasting_s: float) -> None:
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        await asyncio.sleep(lasting_s)


async def _lives(settings: Settings) -> set["asyncio.Task[None]"]:
    chance = random.Random(1)
    lives = [asyncio.create_task(_life(settings, chance.random())) for _ in range(GATEWAYS)]
    done, hanging = await asyncio.wait(lives, timeout=PATIENCE_S)
    assert all(life.exception() is None for life in done)
    return hanging


def test_a_stop_at_any_moment_of_the_first_second_is_heard(redis_url: str) -> None:
    assert not asyncio.run(_lives(Settings.model_validate({"REDIS_URL": redis_url})))
