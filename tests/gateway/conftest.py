"""A gateway process of its own for each test, reached over HTTP like any other."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx2
import pytest
import redis

from gateway.lag import EVERY_S, MOST_S
from tests.conftest import RedisServer, serve


class Gateway:
    """One running gateway: a client bound to its address, and its log."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
        self.process, self.log = process, log
        self.url = f"http://127.0.0.1:{port}"
        self.http = httpx2.Client(base_url=self.url, timeout=30, trust_env=False)

    def create(self, text: str, prefer: str | None = None, **fields: object) -> httpx2.Response:
        headers = {"Prefer": prefer} if prefer else {}
        return self.http.post("/v1/predictions", json={"input": {"text": text}, **fields}, headers=headers)

    def get(self, id: str, prefer: str | None = None) -> httpx2.Response:
        return self.http.get(f"/v1/predictions/{id}", headers={"Prefer": prefer} if prefer else {})


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def running(redis_url: str, log: Path, **settings: str) -> Iterator[Gateway]:
    port = free_port()
    environment = {
        **os.environ, "REDIS_URL": redis_url, "GATEWAY_PORT": str(port),
        "GATEWAY_WEBHOOK_ALLOW": "127.0.0.0/8", "GATEWAY_WEBHOOK_HTTP": "true", **settings,
    }  # fmt: skip
    with log.open("ab") as output:
        process = subprocess.Popen([sys.executable, "-m", "gateway"], env=environment, stderr=output)
    gateway = Gateway(process, port, log)
    for _ in range(400):
        try:
            gateway.http.get("/livez")
            break
        except httpx2.ConnectError:
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
    try:
        yield gateway
    finally:
        gateway.http.close()
        process.terminate()
        status = process.wait(15)
    # uvicorn raises the signal again once everything is closed.
    assert status in (0, -signal.SIGTERM, -signal.SIGKILL), log.read_text()


@contextmanager
def held_up(gateway: Gateway) -> Iterator[None]:
    """Let a gateway run for moments only, as on a machine that has no time for it."""
    over = threading.Event()

    def hold() -> None:
        while not over.is_set():
            gateway.process.send_signal(signal.SIGSTOP)
            time.sleep(2 * MOST_S)
            gateway.process.send_signal(signal.SIGCONT)
            time.sleep(EVERY_S / 3)

    with ThreadPoolExecutor(1) as holding:
        holding.submit(hold)
        try:
            yield
        finally:
            over.set()


Start = Callable[..., AbstractContextManager[Gateway]]


@pytest.fixture(scope="package")
def _apart() -> Iterator[RedisServer]:
    yield from serve("embedded")


@pytest.fixture
def apart_url(_apart: RedisServer) -> str:
    """An empty database that the shared gateway does not see."""
    return _emptied(_apart)


@pytest.fixture(scope="module")
def module_url(_apart: RedisServer) -> str:
    """The same, emptied once: for a gateway that a module's tests share. It must not find another's keys."""
    return _emptied(_apart)


def _emptied(server: RedisServer) -> str:
    with redis.Redis.from_url(server.url) as client:
        client.flushall(asynchronous=True)
    return server.url


@pytest.fixture
def start(apart_url: str, tmp_path: Path) -> Start:
    """Start a gateway with settings of the test's own, over ``apart_url``."""
    return lambda **settings: running(apart_url, tmp_path / "gateway.log", **settings)


@pytest.fixture(scope="package")
def _shared(_embedded_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running(_embedded_server.url, tmp_path_factory.mktemp("gateway") / "gateway.log") as started:
        yield started


@pytest.fixture
def gateway(_shared: Gateway, redis_url: str) -> Gateway:
    """A gateway with the usual settings, shared, over an empty database."""
    return _shared
