"""``python -m embedded``, as a user types it, where it refuses to start."""

import os
import socket
import subprocess
import sys

import pytest

from embedded.preflight import locked

#: What the environment of the tests sets must not decide.
OURS = ("REDIS_URL", "MLFLOW_TRACKING_URI", "GATEWAY_HOST", "GATEWAY_PORT")


@pytest.fixture
def embedded(tmp_path):
    def run(*arguments, **environment):
        plain = {key: value for key, value in os.environ.items() if key not in OURS}
        return subprocess.run(
            [sys.executable, "-m", "embedded", "--data", str(tmp_path / "data"), *arguments],
            env={**plain, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def taken_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_taken_port_is_one_sentence_and_exit_code_1(embedded, taken_port):
    result = embedded("--port", str(taken_port))
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(f"barometer: port {taken_port} is taken; choose another with PORT=")
    assert result.stderr.count("\n") == 1


def test_the_port_in_the_environment_wins_as_it_does_in_the_gateway(embedded, taken_port):
    result = embedded("--port", "1", GATEWAY_PORT=str(taken_port))
    assert f"port {taken_port} is taken" in result.stderr


def test_a_folder_in_use_is_one_sentence(embedded, tmp_path):
    (tmp_path / "data").mkdir()
    with locked(tmp_path / "data"):
        result = embedded()
    assert result.returncode == 1
    assert f"(pid {os.getpid()})" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_redis_that_does_not_answer_is_named_without_its_password(embedded):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        free = listener.getsockname()[1]
    result = embedded("--port", str(free), REDIS_URL="unix://operator:secret@/nowhere/redis.sock")
    assert result.returncode == 1
    assert "no Redis answers at unix:///nowhere/redis.sock: is it running" in result.stderr
    assert "secret" not in result.stderr


def test_values_out_of_range_are_named(embedded):
    result = embedded("--port", "70000", "--workers", "0")
    assert result.returncode == 2
    assert "barometer: port: Input should be less than or equal to 65535" in result.stderr
    assert "barometer: workers: Input should be greater than or equal to 1" in result.stderr


def test_help_shows_examples():
    command = [sys.executable, "-m", "embedded", "--help"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "python -m embedded --port 8001" in result.stdout
