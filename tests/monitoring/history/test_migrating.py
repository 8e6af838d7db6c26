"""A history that is older than the code, and one that is newer, as both are seen during an upgrade."""

from itertools import pairwise
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text

from monitoring.history import database
from monitoring.history.database import alembic_config
from monitoring.history.following import Follower
from tests.monitoring.stream import minutes_ago, predict
from tests.monitoring.test_service import invoke

REVISIONS = [
    script.revision
    for script in ScriptDirectory.from_config(alembic_config()).walk_revisions("base", "heads")
][::-1]


def bring_to(engine: Engine, revision: str) -> None:
    config = alembic_config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def columns(engine: Engine) -> dict[tuple[str, str], dict[str, Any]]:
    seen = inspect(engine)
    return {
        (table, column["name"]): dict(column)
        for table in seen.get_table_names()
        for column in seen.get_columns(table)
    }


def test_the_oldest_history_comes_to_the_newest_form_with_what_it_knows(engine: Engine, client) -> None:
    bring_to(engine, REVISIONS[0])
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO cursors VALUES ('events', '5-0')"))
    assert database.revisions(engine).is_pending == (len(REVISIONS) > 1)
    database.upgrade(engine)
    assert database.revisions(engine) == database.Revisions(REVISIONS[-1], REVISIONS[-1], True)
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT entry FROM cursors")) == "5-0"


def test_the_release_before_works_on_with_a_history_that_is_newer(engine, history, client, follower, caplog):
    predict(client, minutes_ago(client, 2))
    follower()
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE predictions ADD COLUMN from_next_year VARCHAR"))
        connection.execute(text("UPDATE alembic_version SET version_num = 'next_year'"))
    predict(client, minutes_ago(client, 1))
    Follower(client, history, follower._retention)()
    assert "history.newer" in [record.getMessage() for record in caplog.records]
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT count(*) FROM predictions")) == 2
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "next_year"


def test_a_migration_only_adds_so_that_the_release_before_can_read_and_write(tmp_path) -> None:
    for number, (older, newer) in enumerate(pairwise(REVISIONS)):
        engine = database.connect(f"sqlite:///{tmp_path / str(number)}.db")
        bring_to(engine, older)
        before = columns(engine)
        bring_to(engine, newer)
        after = columns(engine)
        for name, column in before.items():
            assert name in after, f"{newer} takes {name} away"
            told = ("nullable", "primary_key")
            assert str(after[name]["type"]) == str(column["type"]), f"{newer} changes {name}"
            assert all(after[name][key] == column[key] for key in told), f"{newer} changes {name}"
        tables = {table for table, _ in before}
        for name in after.keys() - before.keys():
            is_optional = after[name]["nullable"] or after[name]["default"] is not None
            assert name[0] not in tables or is_optional, f"{newer}: {name} must be nullable or have a default"
        engine.dispose()


def test_the_command_says_what_there_is_to_do_and_does_it_once(tmp_path, redis_url) -> None:
    url = f"sqlite:///{tmp_path / 'history.db'}"
    said = [
        invoke(redis_url, "migrate", *words, MONITORING_DATABASE_URL=url).stdout
        for words in (["--check"], [], ["--check"], [])
    ]
    assert said == [f"history: new -> {REVISIONS[-1]}\n"] * 2 + [""] * 2


@pytest.mark.parametrize("words", [["--check"], []])
def test_a_history_that_is_away_is_one_sentence(words, redis_url) -> None:
    url = "postgresql://barometer:secret@127.0.0.1:1/none"
    result = invoke(redis_url, "migrate", *words, MONITORING_DATABASE_URL=url)
    assert result.exit_code == 1
    assert "MONITORING_DATABASE_URL" in result.stderr
    assert "secret" not in result.output
