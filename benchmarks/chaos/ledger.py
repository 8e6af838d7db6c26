"""What was seen from outside: one line of JSON for each thing, appended and never changed.

Three kinds of line: a text was sent, an answer came or none, a prediction was seen by somebody in some state.
Texts are named by number.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Self


class Witness(StrEnum):
    """Who saw a prediction: a client's GET, the stream's reader, the receiver, the roll-call at the end."""

    GET = "get"
    EVENT = "event"
    WEBHOOK = "webhook"
    LAST = "last"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One request; ``n`` is its number, ``text`` that of its text. Times are seconds since the epoch."""

    n: int
    at: float
    text: int
    webhook: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What came back: status 0 is no answer, and ``said`` the error's name; ``id`` where it was accepted."""

    n: int
    at: float
    status: int
    id: str = ""
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One prediction in one state, as one witness saw it.

    ``n`` is the number that the request carried as metadata, -1 where the witness is not told it. ``mark`` is
    the entry of the stream or the ``webhook-id``.
    """

    at: float
    by: Witness
    id: str
    status: str
    version: str = ""
    label: str = ""
    attempts: int = 0
    n: int = -1
    mark: str = ""

    @classmethod
    def of_object(cls, prediction: dict[str, Any], *, at: float, by: Witness, mark: str = "") -> Self:
        """Read a prediction object, as GET and webhooks give it."""
        return cls(
            at=at,
            by=by,
            id=prediction["id"],
            status=prediction["status"],
            version=prediction["version"] or "",
            label=(prediction["output"] or {}).get("label", ""),
            attempts=prediction["attempts"],
            n=(prediction["metadata"] or {}).get("n", -1),
            mark=mark,
        )


Record = Sent | Answered | Sighting
_KINDS: dict[str, type[Record]] = {kind.__name__: kind for kind in (Sent, Answered, Sighting)}


class Ledger:
    """One file of lines; each is handed to the kernel before ``write`` returns."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("a", encoding="utf-8", buffering=1)

    def write(self, record: Record) -> None:
        """Append one line."""
        self._file.write(json.dumps({"what": type(record).__name__, **asdict(record)}) + "\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read(files: Iterable[Path]) -> list[Record]:
    """Return all lines of all files."""
    records: list[Record] = []
    for file in files:
        with file.open(encoding="utf-8") as lines:
            for line in lines:
                fields = json.loads(line)
                kind = _KINDS[fields.pop("what")]
                if kind is Sighting:
                    fields["by"] = Witness(fields["by"])
                records.append(kind(**fields))
    return records
