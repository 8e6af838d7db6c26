"""A Redis client as monitoring makes it, on an empty database."""

from collections.abc import Iterator

import pytest
import redis

from monitoring import events


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with events.connect(redis_url) as client:
        yield client
