"""What clients see of a gateway that stops, and what it makes of a socket that somebody else holds."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from tests.gateway.conftest import Start


def test_a_request_on_a_kept_connection_is_answered_although_the_gateway_stops(start: Start) -> None:
    with start() as gateway:
        assert "connection" not in gateway.http.get("/livez").headers
        gateway.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        last = gateway.http.get("/livez")
        assert (last.status_code, last.headers["connection"]) == (200, "close")


def test_a_reload_ends_in_order(start: Start) -> None:
    with start() as gateway:
        gateway.http.close()
        gateway.process.send_signal(signal.SIGHUP)
        assert gateway.process.wait(10) == -signal.SIGTERM


@pytest.mark.slow
def test_whoever_waits_for_a_prediction_is_let_go_with_what_there_is(start: Start) -> None:
    with start() as gateway:
        began = time.monotonic()
        stop = subprocess.Popen(["sh", "-c", f"sleep 1; kill {gateway.process.pid}"])
        answer = gateway.create("nobody answers this", prefer="wait=30")
        stop.wait()
        assert answer.status_code == 202, answer.text
        assert 5 < time.monotonic() - began < 9


def test_a_socket_that_others_can_reach_needs_keys_whatever_the_settings_say(apart_url: str) -> None:
    with socket.socket() as held:
        held.bind(("0.0.0.0", 0))
        held.listen()
        script = f'exec 3<&{held.fileno()}; LISTEN_FDS=1 LISTEN_PID=$$ exec "{sys.executable}" -m gateway'
        done = subprocess.run(
            ["bash", "-c", script], pass_fds=[held.fileno()], capture_output=True, text=True, check=False,
            timeout=30, env={**os.environ, "REDIS_URL": apart_url, "GATEWAY_HOST": "127.0.0.1"},
        )  # fmt: skip
    assert done.returncode == 2
    assert "there are no keys" in done.stderr


def test_settings_can_be_tried_before_a_reload() -> None:
    command = [sys.executable, "-m", "gateway", "check"]
    assert subprocess.run(command, check=False).returncode == 0
    wrong = {**os.environ, "GATEWAY_TEXT_LIMIT": "none"}
    assert subprocess.run(command, check=False, capture_output=True, env=wrong).returncode == 2
