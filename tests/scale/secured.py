"""A Redis that several hosts may share, as ``systemd/redis/secure`` sets it up.

Over TLS, but for the servers in the wheels, which are built without it: there, on a plain port.
"""

import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
from redis import Redis

from tests.conftest import server_binary
from tests.gateway.conftest import free_port

SECURE = Path(__file__).parents[2] / "systemd" / "redis" / "secure"
#: Users that are a service, as the template names them.
SERVICES = ("gateway", "worker", "monitoring", "trainer")


def secure(folder: Path, *hosts: str) -> None:
    """Run the operator's command."""
    subprocess.run([SECURE, folder, *hosts], check=True, capture_output=True)


class Secured:
    """A running server and its users.

    Args:
        within: what to put before the command, to run it on another host.
    """

    def __init__(self, kind: str, folder: Path, host: str = "127.0.0.1", within: Sequence[str] = ()) -> None:
        self.has_tls = kind == "stock"
        self.folder, self.host = folder, host
        self.port = free_port()
        binary = server_binary(kind)
        secure(folder, host)
        # The operator's way in must work whatever happens to the network.
        self._socket = folder / "redis.sock"
        options = {"dir": str(folder), "unixsocket": str(self._socket), **self._listening()}
        changed = [word for name, value in options.items() for word in (f"--{name}", value)]
        self.process = subprocess.Popen(
            [*within, binary, str(self._configuration()), *changed], stdout=subprocess.DEVNULL
        )
        self.operator = Redis(
            unix_socket_path=str(self._socket),
            username="operator",
            password=self.password("operator"),
            decode_responses=True,
            # MONITOR waits for as long as nobody sends anything.
            socket_timeout=None,
        )
        self._wait()

    def url(self, user: str) -> str:
        """The user's REDIS_URL as the command wrote it, but for the port, and TLS where there is none."""
        _, _, url = (self.folder / f"{user}.env").read_text().strip().partition("=")
        url = url.replace(":6380/", f":{self.port}/")
        return url if self.has_tls else url.replace("rediss://", "redis://").partition("?")[0]

    def password(self, user: str) -> str:
        return (self.folder / f"{user}.env").read_text().split(":")[2].partition("@")[0]

    def client(self, user: str) -> Redis:
        return Redis.from_url(self.url(user), decode_responses=True)

    def refusals(self) -> list[tuple[Any, ...]]:
        """What users were refused: who, at what, why; less `CLIENT SETINFO`, which 6.2 does not know."""
        log = self.operator.acl_log()
        found = [(entry["username"], entry["object"], entry["reason"], entry["context"]) for entry in log]
        return [one for one in found if one[1] != "client"]

    def stop(self) -> None:
        self.operator.close()
        self.process.terminate()
        self.process.wait(10)

    def _listening(self) -> dict[str, str]:
        if self.has_tls:
            return {"tls-port": str(self.port), "bind": self.host}
        return {"port": str(self.port), "bind": self.host}

    def _configuration(self) -> Path:
        """The configuration that the command wrote, without what a server built without TLS does not know."""
        written = self.folder / "redis.conf"
        if self.has_tls:
            return written
        lines = [line for line in written.read_text().splitlines() if not line.startswith("tls-")]
        plain = self.folder / "plain.conf"
        plain.write_text("\n".join(lines))
        return plain

    def _wait(self) -> None:
        deadline = time.monotonic() + 10
        while True:
            try:
                self.operator.ping()
            except redis.ConnectionError:
                assert self.process.poll() is None, "the server ended"
                assert time.monotonic() < deadline, "the server did not start"
                time.sleep(0.025)
            else:
                return


@contextmanager
def secured(
    kind: str, folder: Path, host: str = "127.0.0.1", within: Sequence[str] = ()
) -> Iterator[Secured]:
    """A server for as long as it is needed."""
    server = Secured(kind, folder, host, within)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)
