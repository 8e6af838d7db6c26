"""Whether there were more than ``limit`` events in any ``span``, exactly.

Pure: values in, verdict out. It has no clock, does no I/O and knows no model, alert or Redis.

The window that ends at time t is ``(t - span, t]``: an event exactly ``span`` old is outside. It is
judged at each event, so no burst can fall between two ticks of a scheduler. Once more than ``limit``
events are inside, one alarm is open until the count is down to ``limit`` again, which happens at a
known time: when the ``limit + 1``-th newest event leaves. So the newest ``limit + 1`` events are all
that is ever needed; a million events cost no more memory than four.

A late event takes its place among the others and is judged at the newest time seen: an alarm is never
raised for a window that has passed. The same entry twice counts once.
"""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Self


@dataclass(frozen=True, slots=True, order=True)
class EntryId:
    """The id of a stream entry, which is its time: milliseconds since the epoch, then a sequence."""

    ms: int
    seq: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``1700000000000-3``; raises ValueError for anything else."""
        ms, _, seq = text.partition("-")
        return cls(int(ms), int(seq))

    def __str__(self) -> str:
        return f"{self.ms}-{self.seq}"


@dataclass(frozen=True, slots=True)
class Fired:
    """The count rose above the limit. ``entry`` did it; the count was ``count`` at ``at_ms``."""

    entry: EntryId
    at_ms: int
    count: int


@dataclass(frozen=True, slots=True)
class Resolved:
    """The count fell to the limit at ``at_ms``; the alarm had been fired by ``entry``."""

    entry: EntryId
    at_ms: int


class Window:
    """One sliding window, possibly restored: the entries it had seen and the one that opened its alarm."""

    def __init__(
        self, limit: int, span: timedelta, past: Iterable[EntryId] = (), opened_by: EntryId | None = None
    ) -> None:
        self._limit = limit
        self._span_ms = span // timedelta(milliseconds=1)
        self._newest: list[EntryId] = []
        self._opened_by = opened_by
        for entry in past:
            self._remember(entry)

    def update(self, entry: EntryId) -> tuple[Fired | Resolved, ...]:
        """Count one event; return what it changed, in order."""
        ended = self.advance(entry.ms)
        self._remember(entry)
        if self._opened_by is not None or not self._exceeds_limit():
            return (ended,) if ended else ()
        self._opened_by = entry
        fired = Fired(entry, self._newest[-1].ms, len(self._newest))
        return (ended, fired) if ended else (fired,)

    def advance(self, now_ms: int) -> Resolved | None:
        """Let time pass up to ``now_ms``, every earlier event having been counted.

        An alarm that ends at exactly ``now_ms`` stays open: an event of the same millisecond may follow
        and keep the count above the limit.
        """
        if self._opened_by is None or now_ms <= self._ends_ms():
            return None
        resolved = Resolved(self._opened_by, self._ends_ms())
        self._opened_by = None
        return resolved

    def is_idle(self, now_ms: int) -> bool:
        """Whether a new window would do as well: no alarm is open and all events have left."""
        return self._opened_by is None and (not self._newest or self._newest[-1].ms <= now_ms - self._span_ms)

    def _remember(self, entry: EntryId) -> None:
        """Keep the newest ``limit + 1`` distinct entries, in order."""
        place = bisect_left(self._newest, entry)
        if place < len(self._newest) and self._newest[place] == entry:
            return
        self._newest.insert(place, entry)
        del self._newest[: -(self._limit + 1)]

    def _exceeds_limit(self) -> bool:
        return len(self._newest) > self._limit and self._newest[0].ms > self._newest[-1].ms - self._span_ms

    def _ends_ms(self) -> int:
        """When the open alarm ends if nothing more happens."""
        if len(self._newest) > self._limit:
            return self._newest[0].ms + self._span_ms
        # Restored with a raised limit, or from a trimmed stream: already over, at the last time known.
        assert self._opened_by is not None
        return max([self._opened_by, *self._newest]).ms
