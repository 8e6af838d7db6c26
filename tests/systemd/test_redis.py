"""Our rules for Redis' users, and what Redis itself makes of its log under them."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.conftest import SERVERS, server_binary
from tests.systemd.host import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "systemd"))
from hosting.accounts import redis_users

NAMES = ("gateway", "worker", "monitoring", "trainer", "operator")
#: Two writes, so that the log gets them as one transaction.
TWICE = "redis.call('SET', KEYS[1], 'one') return redis.call('SET', KEYS[2], 'two')"


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator["Server"]:
    with tempfile.TemporaryDirectory(prefix="barometer-") as folder:
        server = Server(server_binary(request.param), Path(folder))
        server.start()
        yield server
        server.kill()


class Server:
    """A Redis with our users, as a host has it."""

    def __init__(self, binary: str, folder: Path) -> None:
        self.binary, self.folder = binary, folder
        template = (REPOSITORY / "systemd/redis/users.acl").read_text()
        (folder / "users.acl").write_text(redis_users(template, dict.fromkeys(NAMES, "secret")))

    def start(self) -> None:
        options = {
            "port": "0", "unixsocket": f"{self.folder}/s", "aclfile": f"{self.folder}/users.acl",
            "dir": str(self.folder), "appendonly": "yes", "appendfsync": "always", "save": "",
        }  # fmt: skip
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        self._process = subprocess.Popen([self.binary, *words], stdout=subprocess.DEVNULL)
        for _ in range(200):
            try:
                self.client("operator").ping()
            except redis.ConnectionError:
                time.sleep(0.025)
            else:
                return
        raise AssertionError("Redis did not start")

    def client(self, name: str) -> redis.Redis:
        url = f"unix://{name}:secret@{self.folder}/s?db=0"
        return redis.Redis.from_url(url, decode_responses=True, retry=Retry(NoBackoff(), 0))

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)


def test_what_a_script_wrote_is_there_after_a_restart(server: Server) -> None:
    names = ("barometer:prediction:a", "barometer:prediction:b")
    script = server.client("operator").register_script(TWICE)
    script(keys=names)
    server.kill()
    server.start()
    assert server.client("operator").mget(names) == ["one", "two"]


def test_without_a_name_nobody_comes_in(server: Server) -> None:
    anonymous = {"unix_socket_path": f"{server.folder}/s", "retry": Retry(NoBackoff(), 0)}
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(**anonymous).ping()
    for password in ("", "secret", "nopass"):
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(**anonymous, username="default", password=password).ping()
