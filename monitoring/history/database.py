"""The database: how it is opened, brought to the newest migration, and what its failures are called.

The only file that knows Alembic and what SQLite needs to be told.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, Select, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from monitoring.errors import ConfigurationError, HistoryUnavailable

#: How long a writer waits for another one. Longer than any transaction of ours.
LOCK_TIMEOUT_S = 5.0
#: How PostgreSQL may be spelled, and the one driver that is used.
DRIVERS = dict.fromkeys(("postgres", "postgresql", "postgresql+psycopg"), "postgresql+psycopg")

Insert = sqlite.Insert | postgresql.Insert

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Revisions:
    """The migration that a database is at, none when it is new, and the newest one that this code knows."""

    found: str | None
    newest: str
    is_known: bool

    @property
    def is_pending(self) -> bool:
        """Whether there is something to migrate; a form newer than this code is not ours to change."""
        return self.is_known and self.found != self.newest


def file_of(url: str) -> Path | None:
    """Return the file of a SQLite database; None for another one, or for none at all."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        return None
    return Path(parsed.database) if parsed.drivername == "sqlite" and parsed.database else None


def connect(url: str) -> Engine:
    """Return an engine; nothing is opened yet.

    Raises:
        ConfigurationError: the URL is malformed, or needs a driver that is not installed.
    """
    if file := file_of(url):
        return _sqlite(url, file)
    try:
        parsed = make_url(url)
        postgres = parsed.set(drivername=DRIVERS[parsed.drivername])
        # Asked before use: a connection from before a restart of the server is replaced without an error.
        return create_engine(postgres, pool_pre_ping=True, connect_args={"connect_timeout": 5})
    except (ArgumentError, KeyError, ModuleNotFoundError) as error:
        # Our own words: the library's may quote a password.
        raise ConfigurationError(
            "MONITORING_DATABASE_URL is not usable: use sqlite:///PATH, or "
            "postgresql://USER:PASSWORD@HOST/NAME with barometer[postgresql] installed."
        ) from error


def _sqlite(url: str, file: Path) -> Engine:
    engine = create_engine(url, connect_args={"timeout": LOCK_TIMEOUT_S})

    @event.listens_for(engine, "do_connect")
    def _make_folder(*_: Any) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _: Any) -> None:
        # Readers do not wait for the writer, nor it for them. An fsync a checkpoint, not a transaction:
        # what a power cut takes is read again from the stream, because the cursor goes with it.
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        # What is erased is overwritten, not only unlinked.
        connection.execute("PRAGMA secure_delete=ON")

    return engine


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """Give one transaction, committed at the end.

    Raises:
        HistoryUnavailable: the database is away, locked, full or otherwise does not do what it is asked.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except (SQLAlchemyError, OSError) as error:
        # The driver's own sentence: SQLAlchemy's would go on with the statement and its values.
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise HistoryUnavailable(str(cause).partition("\n")[0]) from error


def select_rows(engine: Engine, asked: "Select[Any]") -> "list[RowMapping]":
    """Return what a question finds.

    Raises:
        HistoryUnavailable: as ``transaction``.
    """
    with transaction(engine) as connection:
        return list(connection.execute(asked).mappings())


def upgrade(engine: Engine) -> Revisions:
    """Bring the database to the newest migration; return what it was at.

    One that is newer than this code is left as it is: migrations only add, so it can be worked with. That is
    an upgrade's old release beside its new one, or the old one after the new one was taken back.

    Raises:
        HistoryUnavailable: as ``transaction``.
    """
    from alembic import command

    config = alembic_config()
    with transaction(engine) as connection:
        revisions = _revisions(connection)
        if revisions.is_pending:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    if not revisions.is_known:
        log.warning("history.newer", extra={"found": revisions.found, "newest": revisions.newest})
    return revisions


def revisions(engine: Engine) -> Revisions:
    """Return where the database stands; nothing is changed.

    Raises:
        HistoryUnavailable: as ``transaction``.
    """
    with transaction(engine) as connection:
        return _revisions(connection)


def _revisions(connection: Connection) -> Revisions:
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(alembic_config())
    found = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in scripts.walk_revisions()}
    return Revisions(found, str(scripts.get_current_head()), found is None or found in known)


def alembic_config() -> Any:
    """Return what Alembic needs to know to find our migrations."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "monitoring:history/migrations")
    return config


def insert(connection: Connection, table: Table) -> Insert:
    """Return an INSERT that can say what happens to a row which is there already."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
