"""Reading server-sent events as a browser does, over a socket that can be cut."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.gateway.conftest import Gateway


@dataclass(frozen=True)
class Heard:
    event: str
    data: dict[str, Any]
    id: int


@dataclass
class Listener:
    """What came besides events: the status, the comments, and when to come back."""

    status: int
    headers: dict[str, str]
    lines: Iterator[str]
    comments: int = 0
    retry: int | None = None
    fields: dict[str, str] = field(default_factory=dict)

    def next(self) -> Heard | None:
        """The next event; None at the end of the stream."""
        for line in self.lines:
            if line.startswith(":"):
                self.comments += 1
            elif line:
                name, _, value = line.partition(": ")
                self.fields[name] = value
            else:
                fields, self.fields = self.fields, {}
                if "retry" in fields:
                    self.retry = int(fields["retry"])
                if "data" in fields:
                    return Heard(fields["event"], json.loads(fields["data"]), int(fields["id"]))
        return None

    def all(self) -> list[Heard]:
        return list(iter(self.next, None))


@contextmanager
def listening(gateway: Gateway, id: str, last: int | str | None = None) -> Iterator[Listener]:
    headers = {"Accept": "text/event-stream"} | ({} if last is None else {"Last-Event-ID": str(last)})
    with gateway.http.stream("GET", f"/v1/predictions/{id}/stream", headers=headers) as answer:
        yield Listener(answer.status_code, dict(answer.headers), answer.iter_lines())
