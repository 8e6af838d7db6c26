"""Lists in pages: cursors that stay true while new entries come, and which records belong on a page. Pure."""

import base64
import binascii
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar
from urllib.parse import urlencode

from fastapi import Query

from contract.predictions import Record
from contract.states import Status
from gateway.errors import InvalidRequest

#: What a cursor looks like, for those who check before they send.
CURSOR_PATTERN = "^b[A-Za-z0-9_-]+$"
PageCursor = Annotated[
    str | None,
    Query(description="From `next` or `previous` of a page", json_schema_extra={"pattern": CURSOR_PATTERN}),
]
PageLimit = Annotated[int, Query(ge=1, le=1000)]
_ENTRY = re.compile(r"[0-9]{1,20}-[0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a list that runs from new to old.

    Args:
        entry: the stream entry next to it; the page does not have it.
        is_newer: the page lies on its newer side.
    """

    entry: str
    is_newer: bool = False

    def __str__(self) -> str:
        said = f"{'n' if self.is_newer else 'o'}{self.entry}"
        return base64.urlsafe_b64encode(said.encode()).decode().rstrip("=")


def cursor(said: str | None) -> Cursor | None:
    """Read a cursor that a page gave.

    Raises:
        InvalidRequest: no page gave this one.
    """
    if said is None:
        return None
    try:
        read = base64.urlsafe_b64decode(said + "=" * (-len(said) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        read = ""
    if read[:1] not in ("n", "o") or not _ENTRY.fullmatch(read[1:]):
        problem = "Not a cursor; follow 'next' and 'previous' of a page"
        raise InvalidRequest(problem, [{"detail": problem, "pointer": "#/cursor"}])
    return Cursor(read[1:], read[0] == "n")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which predictions are asked for; None stands for all."""

    status: Status | None = None
    label: str | None = None
    model: str | None = None

    def takes(self, record: Record) -> bool:
        """Whether the record is one of them."""
        if self.status is not None and record["status"] != self.status:
            return False
        if self.model is not None and record["model"] != self.model:
            return False
        return self.label is None or _label(record) == self.label

    def query(self) -> dict[str, str]:
        """Return it as the parameters of an address."""
        named = {"status": self.status, "label": self.label, "model": self.model}
        return {name: str(value) for name, value in named.items() if value is not None}


R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """A page, newest first, and where the pages beside it begin; None at an end."""

    records: list[R]
    older: Cursor | None
    newer: Cursor | None


def page(url: str, found: Page[R], render: Callable[[R], str], query: dict[str, str]) -> str:
    """Return the JSON of a page, with the addresses of its neighbours."""

    def address(place: Cursor | None) -> str:
        return "null" if place is None else json.dumps(f"{url}?{urlencode({**query, 'cursor': str(place)})}")

    results = ",".join(map(render, found.records))
    return f'{{"previous":{address(found.newer)},"next":{address(found.older)},"results":[{results}]}}'


def _label(record: Record) -> str | None:
    output = record.get("output")
    return json.loads(output)["label"] if output else None
