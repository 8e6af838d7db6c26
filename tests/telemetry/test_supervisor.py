"""What a service tells its supervisor, heard on a real socket."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

PROGRAM = "from telemetry import supervisor; "


@pytest.fixture
def supervisor() -> Iterator[socket.socket]:
    """Where systemd would listen."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(Path(folder) / "notify"))
        channel.settimeout(5)
        yield channel


def ran(statement: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM + statement], capture_output=True, text=True, check=True,
        env=os.environ | environment,
    )  # fmt: skip
    return done.stdout.strip()


def test_a_service_says_that_it_is_ready(supervisor: socket.socket) -> None:
    ran("supervisor.notify('READY=1', 'STATUS=well')", NOTIFY_SOCKET=supervisor.getsockname())
    assert supervisor.recv(100) == b"READY=1\nSTATUS=well"


def test_without_a_supervisor_nothing_is_said() -> None:
    said = "supervisor.notify('READY=1'); supervisor.Watchdog().feed(); print(supervisor.credentials())"
    assert ran(said) == "{}"


def test_the_watchdog_is_fed_no_more_often_than_it_needs(supervisor: socket.socket) -> None:
    statement = "dog = supervisor.Watchdog(); [dog.feed() for _ in range(1000)]"
    ran(statement, NOTIFY_SOCKET=supervisor.getsockname(), WATCHDOG_USEC="60000000")
    assert supervisor.recv(100) == b"WATCHDOG=1"
    supervisor.setblocking(False)
    with pytest.raises(BlockingIOError):
        supervisor.recv(100)


def test_the_watchdog_of_another_process_is_not_ours(supervisor: socket.socket) -> None:
    ran(
        "supervisor.Watchdog().feed(); supervisor.notify('STOPPING=1')",
        NOTIFY_SOCKET=supervisor.getsockname(), WATCHDOG_USEC="1000", WATCHDOG_PID="1",
    )  # fmt: skip
    assert supervisor.recv(100) == b"STOPPING=1"


def test_a_socket_meant_for_another_process_is_left_alone() -> None:
    assert ran("print(supervisor.inherited_socket())", LISTEN_FDS="1", LISTEN_PID="1") == "None"


@pytest.mark.parametrize("service", ["gateway", "worker", "trainer", "monitoring"])
def test_every_service_takes_redis_from_a_credential(service: str, tmp_path: Path) -> None:
    (tmp_path / "REDIS_URL").write_text("redis://somewhere:1/0\n")
    how = "settings.load()" if service == "monitoring" else "settings.Settings(**supervisor.credentials())"
    statement = f"from {service} import settings; print(repr({how}.redis_url), {how}.redis_url)"
    environment = {k: v for k, v in os.environ.items() if k != "REDIS_URL"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM + statement], capture_output=True, text=True, check=True,
        env=environment | {"CREDENTIALS_DIRECTORY": str(tmp_path)},
    )  # fmt: skip
    assert "somewhere" in done.stdout or "**" in done.stdout
    assert "127.0.0.1" not in done.stdout
