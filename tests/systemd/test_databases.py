"""Copies of databases and back, on real ones: SQLite, and a PostgreSQL that asks for a password."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from sqlalchemy import Engine, text

from monitoring.history import database as history
from tests.monitoring.history.postgres import Postgres, serve
from tests.systemd.host import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "systemd"))
from hosting import databases
from hosting.databases import Database
from hosting.errors import HostError

#: Every character that a URL, a shell or libpq could stumble over.
PASSWORD = "p@ss/w:rd %20'\"\\=#"


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    for server in serve():
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            connection.execute("CREATE ROLE shop LOGIN")
            connection.execute(psycopg.sql.SQL("ALTER ROLE shop PASSWORD {}").format(PASSWORD))
        (server.folder / "data/pg_hba.conf").write_text(
            "local all shop scram-sha-256\nlocal all barometer trust\n"
        )
        with psycopg.connect(server.url("postgres")) as connection:
            connection.execute("SELECT pg_reload_conf()")
        yield server


@pytest.fixture
def made(request: pytest.FixtureRequest, server: Postgres) -> Database:
    """An empty database that belongs to a user with a password."""
    name = f"db_{request.node.name.partition('[')[0][-40:]}"
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} OWNER shop")
    where = quote(str(server.folder), safe="")
    return Database("monitoring", f"postgresql://shop:{quote(PASSWORD, safe='')}@/{name}?host={where}")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    if request.param == "postgresql":
        return request.getfixturevalue("made")
    return Database("monitoring", f"sqlite:///{tmp_path / 'history.db'}")


def cursor(engine: Engine) -> str | None:
    with engine.begin() as connection:
        return connection.scalar(text("SELECT entry FROM cursors"))


def write(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement))


def test_a_copy_is_what_was_there_and_nothing_that_came_later(database: Database, tmp_path: Path) -> None:
    assert databases.revision(database) is None
    engine = history.connect(database.url)
    history.upgrade(engine)
    write(engine, "INSERT INTO cursors VALUES ('events', '1-0')")
    databases.copy(database, tmp_path / "copy")
    write(engine, "UPDATE cursors SET entry = '2-0'")
    # What a later release added is no part of the release that comes back.
    write(engine, "CREATE TABLE later (id VARCHAR PRIMARY KEY)")
    engine.dispose()
    databases.load(database, tmp_path / "copy")
    assert cursor(engine) == "1-0"
    assert databases.revision(database) == history.revisions(engine).newest
    with pytest.raises(Exception, match="later"):
        write(engine, "SELECT id FROM later")
    engine.dispose()


def test_an_empty_postgresql_takes_a_dump_of_another(
    made: Database, server: Postgres, tmp_path: Path
) -> None:
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE source")
    source = Database("monitoring", server.url("source"))
    engine = history.connect(source.url)
    history.upgrade(engine)
    write(engine, "INSERT INTO cursors VALUES ('events', '7-0')")
    engine.dispose()
    databases.copy(source, tmp_path / "dump")
    assert databases.tables(made) == 0
    databases.load(made, tmp_path / "dump")
    assert databases.tables(made) > 5
    # The tables are the new user's own: its service must be able to change them.
    engine = history.connect(made.url)
    assert cursor(engine) == "7-0"
    write(engine, "ALTER TABLE cursors ADD COLUMN more VARCHAR")
    engine.dispose()


def test_more_than_tables_is_replaced(made: Database, tmp_path: Path) -> None:
    engine = history.connect(made.url)
    for statement in (
        "CREATE TYPE mood AS ENUM ('fine')",
        "CREATE DOMAIN short AS varchar(9)",
        "CREATE TABLE words (id serial PRIMARY KEY, mood mood, word short)",
        "CREATE SEQUENCE apart",
        "CREATE TABLE numbers (id int GENERATED ALWAYS AS IDENTITY)",
        "CREATE VIEW seen AS SELECT word FROM words",
        "CREATE FUNCTION one() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "CREATE TRIGGER first BEFORE INSERT ON words FOR EACH ROW EXECUTE FUNCTION one()",
        "INSERT INTO words (mood, word) VALUES ('fine', 'hello')",
    ):
        write(engine, statement)
    databases.copy(made, tmp_path / "copy")
    write(engine, "UPDATE words SET word = 'changed'")
    engine.dispose()
    databases.load(made, tmp_path / "copy")
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT word FROM seen")) == "hello"
        connection.execute(text("INSERT INTO words (word) VALUES ('second')"))
    engine.dispose()


def test_a_dump_that_does_not_go_in_changes_nothing(made: Database, server: Postgres, tmp_path: Path) -> None:
    engine = history.connect(made.url)
    history.upgrade(engine)
    write(engine, "INSERT INTO cursors VALUES ('events', '1-0')")
    databases.copy(made, tmp_path / "whole")
    (tmp_path / "cut").write_bytes((tmp_path / "whole").read_bytes()[:-400])
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE powerful")
    with psycopg.connect(server.url("powerful")) as connection:
        # What only a superuser may make; our user does not get further than here.
        connection.execute("CREATE FUNCTION f() RETURNS int LANGUAGE internal AS 'pg_backend_pid'")
    databases.copy(Database("monitoring", server.url("powerful")), tmp_path / "powerful")
    for dump in ("cut", "powerful"):
        with pytest.raises(HostError):
            databases.load(made, tmp_path / dump)
        assert cursor(engine) == "1-0"
    engine.dispose()


def test_a_password_is_in_no_error_and_on_no_command_line(made: Database, tmp_path: Path) -> None:
    wrong = Database("monitoring", made.url.replace("@/db_", "@/no_db_"))
    with pytest.raises(HostError) as failed:
        databases.copy(wrong, tmp_path / "copy")
    assert "no_db_" in str(failed.value)
    # A program in its place sees what the list of processes would show.
    (tmp_path / "pg_dump").write_text(
        '#!/bin/sh\necho "$@" >"$(dirname "$0")/seen"; env >>"$(dirname "$0")/seen"\n'
    )
    (tmp_path / "pg_dump").chmod(0o755)
    script = (
        f"from hosting import databases; databases.copy(databases.Database('x', {made.url!r}), '/dev/null')"
    )
    environment = os.environ | {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "PYTHONPATH": str(REPOSITORY / "systemd"),
    }
    subprocess.run([sys.executable, "-c", script], check=True, env=environment)
    seen = (tmp_path / "seen").read_text()
    assert "--dbname=service=barometer" in seen
    for secret in (PASSWORD, quote(PASSWORD, safe="")):
        assert secret not in str(failed.value)
        assert secret not in seen
    assert PASSWORD not in str(made)


@pytest.mark.parametrize(
    "url", ["nonsense", "mysql://a:secret@b/c", "postgresql://a:secret@b:port/c", "postgresql://a:secret@b"]
)
def test_what_is_no_url_of_ours_is_refused_without_its_password(url: str, tmp_path: Path) -> None:
    with pytest.raises(HostError) as refused:
        databases.copy(Database("monitoring", url), tmp_path / "copy")
    assert "secret" not in str(refused.value)


def test_a_sqlite_that_is_broken_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "history.db").write_bytes(b"this is no database, and long enough to be taken for one" * 20)
    with pytest.raises(HostError, match="not a database"):
        databases.copy(Database("monitoring", f"sqlite:///{tmp_path / 'history.db'}"), tmp_path / "copy")
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE t (id)")
    with pytest.raises(HostError, match="alembic_version"):
        databases.revision(Database("monitoring", f"sqlite:///{tmp_path / 'other.db'}"))
