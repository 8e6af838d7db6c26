"""What the analysis asks of the history. Reads, and keeps what was found."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, RowMapping, Select, and_, case, func, select

from contract.jobs import Judged
from contract.states import Status
from monitoring.history.database import insert, select_rows, transaction
from monitoring.history.tables import feedback, predictions, references, reports


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one model."""

    model: str
    version: str


@dataclass(frozen=True, slots=True)
class Report:
    """What an analysis found of a version at one time."""

    of: Version
    at_ms: int
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Served:
    """What a version did within some time: its first end, how many ended, and how many of them failed."""

    version: str
    first_ms: int
    ended: int
    failed: int


class Archive:
    """Questions to one database. Every method raises HistoryUnavailable when the database fails."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def versions(self, since_ms: int) -> list[Version]:
        """Return the versions that answered something since then."""
        asked = (
            select(predictions.c.model, predictions.c.version)
            .where(predictions.c.at_ms >= since_ms, predictions.c.status == Status.SUCCEEDED)
            .distinct()
        )
        return [Version(row["model"], row["version"]) for row in self._rows(asked)]

    def answers(
        self, of: Version, most: int, since_ms: int = 0, *, oldest: bool = False
    ) -> list[Mapping[str, Any]]:
        """Return the newest answers of a version, or the oldest: label, score, scores, size, text."""
        order = predictions.c.at_ms.asc() if oldest else predictions.c.at_ms.desc()
        asked = (
            select(predictions)
            .where(
                predictions.c.model == of.model,
                predictions.c.version == of.version,
                predictions.c.at_ms >= since_ms,
                predictions.c.status == Status.SUCCEEDED,
            )
            .order_by(order)
            .limit(most)
        )
        return [_with_scores(row) for row in self._rows(asked)]

    def last_answer_ms(self, of: Version) -> int:
        """Return when a version last answered; 0 if nothing is kept of it."""
        asked = select(func.max(predictions.c.at_ms).label("at_ms")).where(
            predictions.c.model == of.model, predictions.c.version == of.version
        )
        return int(self._rows(asked)[0]["at_ms"] or 0)

    def judged(self, of: Version, since_ms: int) -> list[Mapping[str, Any]]:
        """Return the feedback on a version since then, with the scores of its predictions if still kept."""
        asked = (
            select(feedback.c.label, feedback.c.truth, predictions.c.scores)
            .join(predictions, predictions.c.id == feedback.c.id, isouter=True)
            .where(
                feedback.c.model == of.model, feedback.c.version == of.version, feedback.c.at_ms >= since_ms
            )
        )
        return [_with_scores(row) for row in self._rows(asked)]

    def served(self, model: str, since_ms: int) -> list[Served]:
        """Return what each version of a model did since then, the one that came last first."""
        failed = case((predictions.c.status == Status.FAILED, 1), else_=0)
        first = func.min(predictions.c.at_ms).label("first_ms")
        asked = (
            select(
                predictions.c.version,
                first,
                func.count().label("ended"),
                func.sum(failed).label("failed"),
            )
            .where(
                predictions.c.model == model,
                predictions.c.version != "",
                predictions.c.at_ms >= since_ms,
                predictions.c.status.in_((Status.SUCCEEDED, Status.FAILED)),
            )
            .group_by(predictions.c.version)
            .order_by(first.desc())
        )
        return [Served(**row) for row in self._rows(asked)]

    def labels_since(self, model: str, since_ms: int) -> int:
        """Return how many predictions of a model have had feedback since then."""
        asked = select(func.count().label("n")).where(feedback.c.model == model, feedback.c.at_ms > since_ms)
        return int(self._rows(asked)[0]["n"])

    def told(self, model: str, most: int) -> list[Judged]:
        """Return what people said of a model's predictions, newest first, where the text is kept."""
        asked = (
            select(feedback.c.id, feedback.c.owner, predictions.c.text, feedback.c.truth.label("label"))
            .join(predictions, predictions.c.id == feedback.c.id)
            .where(feedback.c.model == model, predictions.c.text.is_not(None))
            .order_by(feedback.c.at_ms.desc(), feedback.c.id)
            .limit(most)
        )
        return [
            Judged(id=row["id"], owner=row["owner"], text=row["text"], label=row["label"])
            for row in self._rows(asked)
        ]

    def reference(self, of: Version) -> dict[str, Any] | None:
        """Return what was kept of a version's first answers."""
        asked = select(references.c.body).where(
            references.c.model == of.model, references.c.version == of.version
        )
        found = self._rows(asked)
        return json.loads(found[0]["body"]) if found else None

    def keep_reference(self, of: Version, at_ms: int, body: Mapping[str, Any]) -> None:
        """Keep what a version's first answers were like; the first to do so stays."""
        row = {"model": of.model, "version": of.version, "at_ms": at_ms, "body": json.dumps(body)}
        with transaction(self._engine) as connection:
            connection.execute(insert(connection, references).on_conflict_do_nothing(), row)

    def report(self, kind: str, of: Version, at_ms: int, body: Mapping[str, Any]) -> None:
        """Keep what an analysis found."""
        row = {
            "kind": kind,
            "model": of.model,
            "version": of.version,
            "at_ms": at_ms,
            "body": json.dumps(body),
        }
        with transaction(self._engine) as connection:
            connection.execute(insert(connection, reports).on_conflict_do_nothing(), row)

    def newest(self, kind: str, since_ms: int) -> Iterator[tuple[Version, dict[str, Any]]]:
        """Yield each version's newest report of a kind, the newest of all first."""
        for report in reversed(self.reported(kind, since_ms)):
            yield report.of, report.body

    def reported(self, kind: str, since_ms: int, *within: Any) -> list[Report]:
        """Return each version's last report of a kind, or its last in each group, oldest first."""
        last = (
            select(reports.c.model, reports.c.version, func.max(reports.c.at_ms).label("at_ms"))
            .where(reports.c.kind == kind, reports.c.at_ms >= since_ms)
            .group_by(reports.c.model, reports.c.version, *within)
            .subquery()
        )
        same = [reports.c[name] == last.c[name] for name in ("model", "version", "at_ms")]
        asked = (
            select(reports).join(last, and_(*same)).where(reports.c.kind == kind).order_by(reports.c.at_ms)
        )
        return [
            Report(Version(row["model"], row["version"]), row["at_ms"], json.loads(row["body"]))
            for row in self._rows(asked)
        ]

    def _rows(self, asked: "Select[Any]") -> "list[RowMapping]":
        return select_rows(self._engine, asked)


def _with_scores(row: "RowMapping") -> Mapping[str, Any]:
    return {**row, "scores": json.loads(row["scores"] or "{}")}
