"""A Redis client as monitoring makes it, on an empty database; a history in each kind of database, empty."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import count

import pytest
import redis
from sqlalchemy import Engine

from monitoring import events
from monitoring.history import database
from monitoring.history.following import Follower
from monitoring.history.keeping import History
from tests.monitoring.history.postgres import Postgres, serve

NUMBERS = count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    yield from serve()


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path) -> Iterator[Engine]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'history.db'}"
    else:
        url = request.getfixturevalue("postgres").database(f"history{next(NUMBERS)}")
    engine = database.connect(url)
    yield engine
    engine.dispose()


@pytest.fixture
def history(engine: Engine) -> History:
    history = History(engine)
    history.prepare()
    return history


@pytest.fixture
def follower(client, history: History) -> Follower:
    return Follower(client, history, timedelta(days=30))


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with events.connect(redis_url) as client:
        yield client
