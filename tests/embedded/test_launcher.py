"""A launcher in a process of its own, with a real Redis and small stand-ins for the services."""

import os
import signal
import tempfile
from pathlib import Path

import pytest
import redis

from tests.embedded.processes import Launcher, descendants, survivors

#: What ``launcher.launch`` does, with other parts: stand-ins that a signal cannot hurry.
DRIVER = """
import asyncio, os, sys
from pathlib import Path
from embedded import preflight, redis_server
from embedded.children import Spec, Surroundings, python
from embedded.launcher import run_until_signal
from embedded.logging import configure
from embedded.supervisor import Part, Supervisor, Task
from embedded.terminal import Terminal

terminal = Terminal.on(sys.stderr, {})
configure("INFO", terminal)
data = preflight.data_folder(Path(sys.argv[1]))
stopping, training = sys.argv[2], sys.argv[3]

def stand_in(name, code):
    return Spec(name=name, command=[sys.executable, "-u", "-c", code])

async def never():
    return False

async def ready():
    print("READY", flush=True)

service = (
    "import signal, sys, time\\n"
    f"def stop(*_): print('asked'); time.sleep({stopping}); print('done'); sys.exit()\\n"
    "signal.signal(signal.SIGTERM, stop)\\n"
    "print('runs')\\n"
    "while True: time.sleep(60)"
)

async def main(lock):
    program = redis_server.find("")
    socket = data / "redis.sock"
    parts = [
        Part(spec=redis_server.spec(program, data, socket, preflight.log_file(data, "redis")),
             is_up=redis_server.answers(redis_server.url(socket))),
        Task(spec=stand_in("trainer", f"import time; print('trains'); time.sleep({training})"),
             after=["redis"], is_done=never),
        Part(spec=stand_in("gateway", service), after=["trainer"]),
    ]
    await run_until_signal(Supervisor(parts, Surroundings(os.environ, (lock,), terminal.show)), ready)

with preflight.locked(data) as lock:
    asyncio.run(main(lock))
"""


@pytest.fixture
def data():
    # Not tmp_path: a socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="barometer-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture
def start(tmp_path, data):
    started = []

    def start(stopping=0.0, training=0.0):
        launcher = Launcher(
            tmp_path, "-c", DRIVER, str(data), str(stopping), str(training), environment=dict(os.environ)
        )
        started.append(launcher)
        return launcher

    yield start
    for launcher in started:
        launcher.process.kill()
        launcher.process.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything_in_order_and_is_a_success(start, number):
    launcher = start()
    launcher.wait_for("gateway     runs")
    children = descendants(launcher.process.pid)
    assert len(children) == 2
    launcher.process.send_signal(number)
    assert launcher.process.wait(30) == 0
    assert survivors(children, 0) == set()
    assert "gateway     done" in launcher.said()
    assert launcher.said().splitlines()[-1].endswith("stopped")


def test_a_signal_during_training_stops_everything(start):
    launcher = start(training=600)
    launcher.wait_for("trains")
    children = descendants(launcher.process.pid)
    launcher.process.send_signal(signal.SIGINT)
    assert launcher.process.wait(30) == 0
    assert survivors(children, 0) == set()
    assert "READY" not in launcher.said()


def test_a_second_signal_kills_at_once(start):
    launcher = start(stopping=600)
    launcher.wait_for("gateway     runs")
    children = descendants(launcher.process.pid)
    launcher.process.send_signal(signal.SIGINT)
    launcher.wait_for("gateway     asked")
    launcher.process.send_signal(signal.SIGINT)
    # Less than the ten seconds after which the gateway would be killed anyhow.
    assert launcher.process.wait(9) == 0
    assert survivors(children, 0) == set()
    assert "gateway     done" not in launcher.said()


def test_nothing_outlives_a_launcher_that_is_killed_and_the_next_one_waits_for_that(start, data):
    first = start(stopping=1)
    first.wait_for("gateway     runs")
    children = descendants(first.process.pid)
    assert len(children) == 2
    with redis.Redis(unix_socket_path=str(data / "redis.sock")) as client:
        client.set("key", "value")
    first.process.kill()
    first.process.wait()
    second = start()
    second.wait_for("gateway     runs")
    assert survivors(children, 0) == set()
    with redis.Redis(unix_socket_path=str(data / "redis.sock")) as client:
        assert client.get("key") == b"value"
