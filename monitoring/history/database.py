"""The database: how it is opened, brought to the newest migration, and what its failures are called.

The only file that knows Alembic and what SQLite needs to be told.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from monitoring.errors import ConfigurationError, HistoryUnavailable

#: How long a writer waits for another one. Longer than any transaction of ours.
LOCK_TIMEOUT_S = 5.0
#: How PostgreSQL may be spelled, and the one driver that is used.
DRIVERS = dict.fromkeys(("postgres", "postgresql", "postgresql+psycopg"), "postgresql+psycopg")

Insert = sqlite.Insert | postgresql.Insert


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


def upgrade(engine: Engine) -> None:
    """Bring the database to the newest migration.

    Raises:
        HistoryUnavailable: as ``transaction``.
    """
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "monitoring:history/migrations")
    with transaction(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def insert(connection: Connection, table: Table) -> Insert:
    """Return an INSERT that can say what happens to a row which is there already."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
