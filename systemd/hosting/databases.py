"""The SQL databases of a host, the history and MLflow's: a SQLite file each, or a PostgreSQL somewhere.

Knows SQLite and PostgreSQL's own programs; not what is in the tables, nor who must stop meanwhile. A password
reaches those programs in a file for root alone: it is on no command line and in no message.
"""

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from hosting import places, services, units
from hosting.commands import run
from hosting.errors import HostError, NotReady

#: Services with a database, and the variable that names it.
VARIABLES = {"monitoring": "MONITORING_DATABASE_URL", "mlflow": "MLFLOW_BACKEND_STORE_URI"}
#: Where a service has its database unless somebody wrote another URL into its credential.
DEFAULTS = {
    "monitoring": f"sqlite:///{places.STATE}/monitoring/.barometer/history.db",
    "mlflow": f"sqlite:///{places.STATE}/mlflow/mlflow.db",
}
_SYSTEM = "('pg_catalog', 'information_schema')"
_FORGET = Path(__file__).with_name("forget.sql")


@dataclass(frozen=True, slots=True)
class Database:
    """One service's database, by its URL."""

    service: str
    url: str

    @property
    def file(self) -> Path | None:
        """SQLite's file, or None."""
        if not self.url.startswith("sqlite:///"):
            return None
        return places.STATE / self.service / self.url.removeprefix("sqlite:///")

    def __str__(self) -> str:
        """Name it without its password."""
        if self.file:
            return str(self.file)
        name, where = _parameters(self.url)["dbname"], _parameters(self.url).get("host", "this host")
        return f"PostgreSQL's {name!r} at {where}"


def of(service: str, settings: Path = places.SETTINGS) -> Database:
    """Return a service's database, as the settings in a folder have it."""
    found = services.environment(service, settings).get(VARIABLES[service])
    return Database(service, found or DEFAULTS[service])


def of_this_host() -> list[Database]:
    """Return the databases of the services that run here."""
    return [of(service) for service in VARIABLES if not units.is_masked(f"barometer-{service}.service")]


def check() -> None:
    """Look whether each service has a database of its own that a backup can reach.

    Raises:
        NotReady: PostgreSQL's programs are missing, or two services name one database.
    """
    elsewhere = [database for database in of_this_host() if database.file is None]
    if elsewhere and shutil.which("pg_dump") is None:
        raise NotReady("there is no pg_dump for the backups: apt install postgresql-client")
    named = [(where.get("host"), where["dbname"]) for where in (_parameters(one.url) for one in elsewhere)]
    if len(set(named)) < len(named):
        raise NotReady("the history and MLflow need a database each: both name the same")


def copy(database: Database, target: Path) -> None:
    """Write a consistent copy to a file, while the service runs: of SQLite a database, of PostgreSQL a dump.

    Raises:
        HostError: the database does not answer, or pg_dump is older than the server.
    """
    if database.file:
        _copy_sqlite(database.file, target)
        return
    with _access(database) as access:
        run(
            "pg_dump", "--format=custom", "--no-owner", "--no-privileges",
            f"--file={target}", "--dbname=service=barometer", env=access,
        )  # fmt: skip


def load(database: Database, source: Path) -> None:
    """Put a copy in place of all that is there; nobody may use the database meanwhile.

    Raises:
        HostError: it cannot be; a PostgreSQL is then as it was.
    """
    if database.file:
        for suffix in ("-wal", "-shm", "-journal"):
            Path(f"{database.file}{suffix}").unlink(missing_ok=True)
        _copy_sqlite(source, database.file)
        return
    with tempfile.TemporaryDirectory(prefix="barometer-") as folder, _access(database) as access:
        fill = Path(folder) / "fill.sql"
        run("pg_restore", "--no-owner", "--no-privileges", f"--file={fill}", source)
        # One transaction: a dump that does not go in leaves what was there.
        run(
            "psql", "--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1",
            f"--file={_FORGET}", f"--file={fill}", "--dbname=service=barometer", env=access,
        )  # fmt: skip


def tables(database: Database) -> int:
    """How many tables a PostgreSQL database has.

    Raises:
        HostError: it does not answer.
    """
    return int(_ask(database, f"SELECT count(*) FROM pg_tables WHERE schemaname NOT IN {_SYSTEM}"))  # noqa: S608


def revision(database: Database) -> str | None:
    """The migration that a database is at, as Alembic notes it there; None for one that is not there yet.

    Raises:
        HostError: it does not answer.
    """
    query = "SELECT version_num FROM alembic_version"
    if database.file is None:
        return _ask(database, query) if tables(database) else None
    if not database.file.exists():
        return None
    with _open(database.file) as opened:
        return str(opened.execute(query).fetchone()[0])


def _copy_sqlite(source: Path, target: Path) -> None:
    with _open(source) as original, contextlib.closing(sqlite3.connect(target)) as made:
        original.backup(made)
    found = source.stat()
    os.chown(target, found.st_uid, found.st_gid)
    target.chmod(found.st_mode & 0o777)


@contextlib.contextmanager
def _open(file: Path) -> Iterator[sqlite3.Connection]:
    try:
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=rw", uri=True)) as opened:
            yield opened
    except sqlite3.Error as error:
        raise HostError(f"{file}: {error}") from error


def _ask(database: Database, query: str) -> str:
    with _access(database) as access:
        words = ("--no-psqlrc", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1")
        return run("psql", *words, f"--command={query}", "--dbname=service=barometer", env=access)


@contextlib.contextmanager
def _access(database: Database) -> Iterator[dict[str, str]]:
    """Give the environment in which PostgreSQL's programs know the database as ``service=barometer``."""
    with tempfile.NamedTemporaryFile("w", prefix="barometer-", suffix=".conf") as file:
        file.write("[barometer]\n")
        for name, value in _parameters(database.url).items():
            file.write(f"{name}={value}\n")
        file.flush()
        yield {**os.environ, "PGSERVICEFILE": file.name}


def _parameters(url: str) -> dict[str, str]:
    """Return a URL as libpq's parameters.

    Raises:
        HostError: it is no URL of PostgreSQL.
    """
    parts = urlsplit(url)
    try:
        given = {
            "host": parts.hostname, "port": parts.port and str(parts.port),
            "user": unquote(parts.username or ""), "password": unquote(parts.password or ""),
            "dbname": unquote(parts.path.removeprefix("/")),
        }  # fmt: skip
    except ValueError:
        given = {}
    if parts.scheme.partition("+")[0] not in ("postgresql", "postgres") or not given.get("dbname"):
        # Without the URL: it may hold a password.
        raise HostError("a database's URL is sqlite:////PATH or postgresql://USER:PASSWORD@HOST/NAME")
    return {"connect_timeout": "10"} | {k: v for k, v in given.items() if v} | dict(parse_qsl(parts.query))
