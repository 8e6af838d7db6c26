"""The running service that released clients are pointed at: a gateway of its own, and a worker."""

from collections.abc import Iterator

import pytest

from tests.conftest import RedisServer
from tests.gateway.conftest import Gateway, _apart, _shared, apart_url, gateway, running, start  # noqa: F401
from tests.gateway.test_models import TAGS, add_version, post
from tests.worker.registering import Mlflow
from tests.working import Rule, working


@pytest.fixture
def served(gateway: Gateway, redis_url: str) -> Iterator[Gateway]:  # noqa: F811
    """The gateway, with a worker behind it."""
    with working(redis_url, Rule()):
        yield gateway


@pytest.fixture(scope="package")
def _registering(
    _apart: RedisServer,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Gateway]:
    server = Mlflow()
    post(server, "registered-models/create", name="sentiment", description="What reviews say")
    for _ in range(2):
        add_version(server, "sentiment", TAGS)
    post(server, "registered-models/alias", name="sentiment", alias="champion", version="1")
    log = tmp_path_factory.mktemp("registered") / "gateway.log"
    with running(_apart.url, log, MLFLOW_TRACKING_URI=server.url) as started:
        yield started
    server.stop()


@pytest.fixture
def registered(_registering: Gateway, apart_url: str) -> Iterator[Gateway]:  # noqa: F811
    """A gateway that can ask an MLflow with two versions of the model; a worker serves the first."""
    with working(apart_url, Rule()):
        yield _registering
