"""A prediction's life as a list of moments, told from its record alone. Pure.

The record knows when the prediction was created, when its newest attempt began, and how it ended. Each
moment has a number that grows with attempts and status and with nothing else, so every gateway numbers alike,
and who heard the story up to a number can be told the rest: no gap, no repeat. Of several attempts the record
knows the newest; who was away during the others does not hear of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from contract.predictions import Record
from contract.states import TERMINAL, Status

#: Numbers of an attempt: it began, it waits again (its worker died), it ended, and one that Replicate's
#: dialect needs after the end. The first is _AN_ATTEMPT times the count of attempts, so none is used twice.
_AN_ATTEMPT, _WAITS_AGAIN, _ENDED = 4, 1, 2

#: What was known at a moment.
_CREATED = ("id", "model", "input", "metadata", "created_at")
_BEGUN = (*_CREATED, "started_at", "attempts")


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing to tell: its number, the name of the event, and the prediction as it was then."""

    number: int
    event: str
    record: Record

    @property
    def is_end(self) -> bool:
        """Whether nothing comes after it."""
        return self.record["status"] in TERMINAL


def story(record: Record) -> list[Moment]:
    """Return all moments that a record tells of, in order."""
    attempts = int(record.get("attempts") or 0)
    begun = attempts * _AN_ATTEMPT
    status = Status(record["status"])
    told = [Moment(_WAITS_AGAIN, "starting", _as_it_was(record, _CREATED, Status.STARTING))]
    if attempts and record.get("started_at"):
        told.append(Moment(begun, "processing", _as_it_was(record, _BEGUN, Status.PROCESSING)))
    if status == Status.STARTING and attempts:
        told.append(Moment(begun + _WAITS_AGAIN, "starting", _as_it_was(record, _BEGUN, Status.STARTING)))
    if status in TERMINAL:
        event = "error" if status == Status.FAILED else "completed"
        told.append(Moment(begun + _ENDED, event, record))
    return told


def rest(told: list[Moment], heard: int) -> list[Moment]:
    """Return what is left to tell to who heard it up to a number.

    A number that the story has not reached is from elsewhere, or Redis lost what it knew: all is told again.
    """
    reached = told[-1].number
    return [moment for moment in told if moment.number > heard] if heard <= reached else told


def heard(header: str | None) -> int:
    """Read ``Last-Event-ID``; what is no number of ours is none."""
    return int(header) if header and header.isascii() and header.isdigit() and len(header) < 12 else 0


def line(json: str) -> str:
    """Return JSON without the characters that some clients take for the end of a line.

    ``str.splitlines`` does, and so do readers built on it (httpx). In JSON they stand within strings only.
    """
    return json.translate(_ESCAPED)


_ESCAPED = {ord(one): f"\\u{ord(one):04x}" for one in "\x7f\x85\u2028\u2029"}


def _as_it_was(record: Record, known: Iterable[str], status: Status) -> Record:
    fields = {name: value for name, value in record.items() if name in known}
    return cast("Record", {**fields, "status": status})
