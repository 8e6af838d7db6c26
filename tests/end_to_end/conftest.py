"""One Barometer for all these tests: its first start, with migrations and training, takes the longest."""

from collections.abc import Iterator

import pytest

from tests.end_to_end.barometer import Barometer


@pytest.fixture(scope="session")
def barometer() -> Iterator[Barometer]:
    with Barometer() as started:
        yield started
