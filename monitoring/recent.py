"""How many negative results there were within the window, and when: what a person is shown of it.

Pure. The rule itself remembers no more than it needs to judge (``monitoring.window``); a person wants the
whole count, and when each of the newest falls out.
"""

from array import array
from bisect import bisect_right
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Standing:
    """One subject's window: the count, and the times of the newest, oldest first, in milliseconds."""

    subject: str
    count: int
    newest_ms: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Standings:
    """The windows that end at one time; those without a negative result are left out."""

    at_ms: int
    fullest: tuple[Standing, ...] = ()


class Recent:
    """One subject's negative results. Eight bytes each: 1,000 a second for five minutes are 2.4 MB."""

    def __init__(self, span_ms: int) -> None:
        self._span_ms = span_ms
        self._times = array("q")

    def add(self, at_ms: int) -> None:
        """Count one; a late one takes its place among the others."""
        self._times.insert(bisect_right(self._times, at_ms), at_ms)

    def count(self, now_ms: int) -> int:
        """Return how many there are in ``(now - span, now]``; what has left the window is forgotten."""
        del self._times[: bisect_right(self._times, now_ms - self._span_ms)]
        return bisect_right(self._times, now_ms)

    def standing(self, subject: str, now_ms: int, most: int) -> Standing:
        """Return the window that ends now, with the times of at most so many."""
        count = self.count(now_ms)
        return Standing(subject, count, tuple(self._times[max(0, count - most) : count]))
