"""Writing the history: events with their cursor in one transaction, what is too old, what is to be erased.

The cursor is committed with what it stands for, so a crash repeats a batch or does not; a repeated batch
finds its rows and changes nothing. What was erased stays so, also when its event is read afterwards; the
counts by minute name nobody and stay.
"""

from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Engine, Table, bindparam, delete, func, select, update

from monitoring.history.counting import COUNTS_RETENTION, Counts, Place, counted
from monitoring.history.database import insert, transaction, upgrade
from monitoring.history.rows import Row, Rows
from monitoring.history.tables import (
    alerts,
    cursors,
    erasures,
    feedback,
    minutes,
    predictions,
    reports,
)

STREAM = "events"
#: Rows deleted in one transaction: some ten milliseconds for which other writers wait.
DELETED_AT_ONCE = 5_000


class Erased(StrEnum):
    """What an erasure names: one prediction, or all of one API key up to then."""

    PREDICTION = "prediction"
    KEY = "key"


class History:
    """The history in one database. Every method raises HistoryUnavailable when the database fails."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def prepare(self) -> None:
        """Bring the tables to the newest migration."""
        upgrade(self._engine)

    def cursor(self) -> str | None:
        """Return the last entry that is kept, or None at the very beginning."""
        with transaction(self._engine) as connection:
            return connection.scalar(select(cursors.c.entry).where(cursors.c.stream == STREAM))

    def keep(self, rows: Rows, cursor: str) -> None:
        """Write a batch, and that the stream has been read up to ``cursor``."""
        with transaction(self._engine) as connection:
            # First, because it locks: another process with the same batch waits here, then finds its rows.
            _upsert(connection, cursors, [{"stream": STREAM, "entry": cursor}], _replaced)
            erased = _Erasures(connection)
            ended = erased.left(rows.predictions)
            _count(connection, counted(_unseen(connection, ended)))
            _upsert(connection, predictions, ended, _newer)
            _upsert(connection, feedback, erased.left(rows.feedback), _newer)
            _add_texts(connection, rows.texts)
            _upsert(connection, alerts, rows.alerts, _went_on)

    def erase(self, kind: Erased, subject: str, at_ms: int) -> int:
        """Delete what is kept of one prediction, or of one key up to ``at_ms``; return how many rows."""
        with transaction(self._engine) as connection:
            row = {"kind": str(kind), "subject": subject, "at_ms": at_ms}
            # Before the rows: an event of it that is being read meanwhile waits for this, then finds it.
            _upsert(connection, erasures, [row], _replaced)
            gone = 0
            for table in (predictions, feedback):
                column = table.c.id if kind is Erased.PREDICTION else table.c.owner
                gone += connection.execute(
                    delete(table).where(column == subject, table.c.at_ms <= at_ms)
                ).rowcount
            return gone

    def forget(
        self, now_ms: int, retention: timedelta, counts_retention: timedelta = COUNTS_RETENTION
    ) -> int:
        """Delete what is older than ``retention``; return how many rows. Open alerts stay, counts longer."""
        before = now_ms - retention // timedelta(milliseconds=1)
        gone = sum(self._forget_many(table, before) for table in (predictions, feedback))
        with transaction(self._engine) as connection:
            last = now_ms - counts_retention // timedelta(milliseconds=1)
            gone += connection.execute(delete(minutes).where(minutes.c.at_ms < last)).rowcount
            # The stream holds nothing this old, so no erasure is needed any longer to keep it away.
            for column in (alerts.c.resolved_ms, reports.c.at_ms, erasures.c.at_ms):
                gone += connection.execute(delete(column.table).where(column < before)).rowcount
        return gone

    def _forget_many(self, table: Table, before_ms: int) -> int:
        few = select(table.c.id).where(table.c.at_ms < before_ms).limit(DELETED_AT_ONCE)
        gone, deleted = 0, DELETED_AT_ONCE
        while deleted == DELETED_AT_ONCE:
            with transaction(self._engine) as connection:
                deleted = connection.execute(delete(table).where(table.c.id.in_(few))).rowcount
            gone += deleted
        return gone


class _Erasures:
    """What must not come back."""

    def __init__(self, connection: Connection) -> None:
        found = connection.execute(select(erasures.c.kind, erasures.c.subject, erasures.c.at_ms))
        self._until = {(kind, subject): at_ms for kind, subject, at_ms in found}

    def left(self, rows: list[Row]) -> list[Row]:
        if not self._until:
            return rows
        return [row for row in rows if not self._covers(row)]

    def _covers(self, row: Row) -> bool:
        until = max(
            self._until.get((Erased.PREDICTION, row["id"]), -1),
            self._until.get((Erased.KEY, row["owner"]), -1),
        )
        return bool(row["at_ms"] <= until)


def _unseen(connection: Connection, rows: list[Row]) -> Iterator[Row]:
    """Yield the rows whose events are in no row yet: each event counts once, however often it is read."""
    ids = {row["id"] for row in rows}
    asked = select(predictions.c.id, predictions.c.at_ms).where(predictions.c.id.in_(ids))
    last: dict[str, int] = {row.id: row.at_ms for row in connection.execute(asked)} if ids else {}
    for row in rows:
        if row["at_ms"] > last.get(row["id"], -1):
            last[row["id"]] = row["at_ms"]
            yield row


def _count(connection: Connection, found: dict[Place, Counts]) -> None:
    """Add to the minutes."""
    if not found:
        return
    at_ms = {place.at_ms for place in found}
    for row in connection.execute(select(minutes).where(minutes.c.at_ms.in_(at_ms))).mappings():
        place = Place(row["at_ms"], row["model"])
        if place in found:
            found[place].merge(Counts.from_row({**row}))
    rows = [
        {"at_ms": place.at_ms, "model": place.model, **counts.to_row()} for place, counts in found.items()
    ]
    _upsert(connection, minutes, rows, _replaced)


def _upsert(connection: Connection, table: Table, rows: list[Row], change: Any) -> None:
    """Insert rows one after the other; ``change`` says what becomes of one that is there."""
    if rows:
        statement = insert(connection, table)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=list(table.primary_key), **change(table, statement.excluded)
            ),
            rows,
        )


def _add_texts(connection: Connection, texts: list[Row]) -> None:
    """Give rows their text. What was erased, or is too old, has no row to give one to."""
    if texts:
        wanted = predictions.c.id == bindparam("of")
        named = [{"of": row["id"], "said": row["text"]} for row in texts]
        connection.execute(update(predictions).where(wanted).values(text=bindparam("said")), named)


def _replaced(table: Table, new: Any) -> dict[str, Any]:
    return {"set_": {column.name: new[column.name] for column in table.c if not column.primary_key}}


def _newer(table: Table, new: Any) -> dict[str, Any]:
    """The later event wins: a prediction that an operator had run again, feedback that was corrected."""
    change = _replaced(table, new)
    if table is predictions:
        # A text that is looked up again later may be forgotten in Redis by then.
        change["set_"]["text"] = func.coalesce(new.text, table.c.text)
    return {**change, "where": new.at_ms >= table.c.at_ms}


def _went_on(table: Table, new: Any) -> dict[str, Any]:
    """An alert's life only goes on: what is known of its end, or of who took it on, is never taken back."""
    columns = ("resolved_ms", "acknowledged_ms", "acknowledged_by")
    return {"set_": {name: func.coalesce(new[name], table.c[name]) for name in columns}}
