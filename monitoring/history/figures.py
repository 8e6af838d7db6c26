"""What a person is shown of the history: counts by minute and hour, and how reports went over time.

Reads only. Every question is bounded by time and answered from counts and reports, never from the rows of
predictions: it costs the same after a thousand of them and after a million.
"""

import json
from collections import Counter
from typing import Any

from sqlalchemy import Engine, RowMapping, Select, func, select

from monitoring.history.asking import Archive, Report
from monitoring.history.counting import Counts, Place
from monitoring.history.database import select_rows
from monitoring.history.tables import minutes, reports

HOUR_MS = 3_600_000


class Figures:
    """Questions to one database. Every method raises HistoryUnavailable when the database fails."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._archive = Archive(engine)

    def minutes(self, since_ms: int) -> dict[Place, Counts]:
        """Return the minutes that began since then, in order."""
        asked = select(minutes).where(minutes.c.at_ms >= since_ms).order_by(minutes.c.at_ms)
        return {Place(row["at_ms"], row["model"]): Counts.from_row({**row}) for row in self._rows(asked)}

    def hours(self, since_ms: int) -> dict[Place, int]:
        """Return how many predictions ended in each hour that began since then, in order."""
        hour = minutes.c.at_ms - minutes.c.at_ms % HOUR_MS
        ended = func.sum(minutes.c.succeeded + minutes.c.failed + minutes.c.canceled)
        asked = (
            select(hour.label("at_ms"), minutes.c.model, ended.label("ended"))
            .where(minutes.c.at_ms >= since_ms)
            .group_by(hour, minutes.c.model)
            .order_by(hour)
        )
        return {Place(row["at_ms"], row["model"]): int(row["ended"]) for row in self._rows(asked)}

    def labels(self, since_ms: int) -> dict[str, Counter[str]]:
        """Return how often each model answered what in the minutes that began since then."""
        asked = select(minutes.c.model, minutes.c.labels).where(minutes.c.at_ms >= since_ms)
        found: dict[str, Counter[str]] = {}
        for row in self._rows(asked):
            found.setdefault(row["model"], Counter()).update(json.loads(row["labels"]))
        return found

    def newest(self, kind: str, since_ms: int) -> list[Report]:
        """Return each version's newest report of a kind since then."""
        return self._archive.reported(kind, since_ms)

    def course(self, kind: str, since_ms: int) -> list[Report]:
        """Return each version's last report of a kind in each hour since then, oldest first."""
        return self._archive.reported(kind, since_ms, reports.c.at_ms - reports.c.at_ms % HOUR_MS)

    def _rows(self, asked: "Select[Any]") -> "list[RowMapping]":
        return select_rows(self._engine, asked)
