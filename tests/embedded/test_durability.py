"""A killed Redis has lost nothing that it acknowledged, whatever its disk was doing."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis

from embedded.durability import flush, keep_flushing
from tests.conftest import RedisServer


def test_what_was_acknowledged_during_an_fsync_survives_a_kill(redis_server: RedisServer) -> None:
    for round in range(10):
        with Redis.from_url(redis_server.url) as redis:
            for number in range(200):
                # A flush is under way most of the time; with appendfsync everysec a slow disk loses writes.
                if number % 20 == 0:
                    flush(redis_server.folder)
                redis.set(f"{round}-{number}", "x" * 500)
        redis_server.kill()
        redis_server.start()
        with Redis.from_url(redis_server.url) as redis:
            assert redis.dbsize() == 200 * (round + 1)


def test_both_layouts_of_the_append_only_file_are_found(redis_server: RedisServer) -> None:
    assert flush(redis_server.folder) >= 1


async def test_it_goes_on_after_a_file_has_gone(tmp_path: Path) -> None:
    (tmp_path / "appendonly.aof").write_text("x")
    task = asyncio.create_task(keep_flushing(tmp_path, timedelta(milliseconds=5)))
    await asyncio.sleep(0.05)
    (tmp_path / "appendonly.aof").unlink()
    await asyncio.sleep(0.05)
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
