"""A PostgreSQL server of the tests' own, on a unix socket; it can be stopped and started again."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg

from tests.conftest import lacking


def binaries() -> Path:
    """Where the server's programs lie; a missing one skips on a laptop and fails in CI."""
    if found := shutil.which("initdb"):
        return Path(found).parent
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not debian:
        lacking("no PostgreSQL: 'apt install postgresql'")
    return debian[-1].parent


class Postgres:
    def __init__(self, folder: Path) -> None:
        self.folder, self._bin = folder, binaries()
        # The server refuses to run as root.
        self._user = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}
        if self._user:
            shutil.chown(folder, "nobody", "nogroup")
        self._run("initdb", "-D", str(folder / "data"), "-U", "barometer", "-A", "trust", "-N")

    def url(self, database: str) -> str:
        return f"postgresql://barometer@/{database}?host={self.folder}"

    def start(self) -> None:
        options = f"-k {self.folder} -c listen_addresses='' -c fsync=off"
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-o", options, "-l", str(self.folder / "log"),
                  "-w", "start")  # fmt: skip

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "stop")

    def database(self, name: str) -> str:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._bin / program), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/", **self._user)


def serve() -> Iterator[Postgres]:
    # Not tmp_path: a socket's path must stay under 108 bytes, and others must be able to reach it.
    folder = Path(tempfile.mkdtemp(prefix="barometer-"))
    server = Postgres(folder)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder)
