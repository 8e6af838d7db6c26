"""Whose turn it is: each receiver has a queue and a window of its own, and they take turns. Pure.

A receiver starts with a small window of attempts at once. It grows by one with each success and is halved by
each failure, so one that hangs soon holds a single slot, and one that answers gets as much as it can take.
"""

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, TypeVar

T = TypeVar("T")

#: Attempts at once at a receiver of which nothing is known.
FIRST = 4
#: Attempts at once at the best of them.
MOST = 32
#: What waits here for one receiver, for each of its attempts at once: what it can take within a second.
WAITING = 8
#: Receivers remembered while nothing waits for them.
KNOWN = 10_000


class Offered(Enum):
    """What became of an entry that was offered."""

    TAKEN = "taken"
    #: Its receiver has enough waiting and keeps up: come back in a moment.
    SOON = "soon"
    #: Its receiver has enough waiting, and has not shown yet that it keeps up.
    LATER = "later"
    #: Its receiver fails or hangs: come back after a while.
    MUCH_LATER = "much later"


@dataclass(slots=True)
class _Receiver(Generic[T]):
    waiting: deque[T] = field(default_factory=deque)
    running: int = 0
    window: int = FIRST

    @property
    def may_run(self) -> bool:
        return bool(self.waiting) and self.running < self.window

    @property
    def patience(self) -> Offered:
        if self.window > FIRST:
            return Offered.SOON
        return Offered.LATER if self.window > 1 else Offered.MUCH_LATER


class Turns(Generic[T]):
    """Entries by receiver, given out in turns.

    Args:
        at_once: attempts at once, of all receivers together.
    """

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._receivers: OrderedDict[str, _Receiver[T]] = OrderedDict()
        #: Those whose window has room and for whom something waits, in the order of their turns.
        self._ready: OrderedDict[str, None] = OrderedDict()
        self._waiting = self._running = 0

    def __len__(self) -> int:
        return self._waiting

    def offer(self, receiver: str, entry: T) -> Offered:
        """Let an entry wait for its turn, if its receiver has not too many that do."""
        known = self._receivers.setdefault(receiver, _Receiver())
        if len(known.waiting) >= WAITING * known.window:
            return known.patience
        known.waiting.append(entry)
        self._waiting += 1
        self._note(receiver, known)
        return Offered.TAKEN

    def next(self) -> tuple[str, T] | None:
        """Give out the next entry and its receiver, until :meth:`ended`; None if none may run."""
        if not self._ready or self._running >= self._at_once:
            return None
        receiver, _ = self._ready.popitem(last=False)
        known = self._receivers[receiver]
        entry = known.waiting.popleft()
        known.running += 1
        self._waiting -= 1
        self._running += 1
        self._note(receiver, known)
        return receiver, entry

    def ended(self, receiver: str, *, succeeded: bool | None) -> None:
        """Take back what :meth:`next` gave; None: it was never attempted, so nothing was learned."""
        known = self._receivers[receiver]
        known.running -= 1
        self._running -= 1
        if succeeded is not None:
            known.window = min(MOST, known.window + 1) if succeeded else max(1, known.window // 2)
        self._receivers.move_to_end(receiver)
        self._note(receiver, known)
        self._forget()

    def _note(self, receiver: str, known: _Receiver[T]) -> None:
        if known.may_run:
            self._ready.setdefault(receiver)
        else:
            self._ready.pop(receiver, None)

    def _forget(self) -> None:
        """Forget the receiver that was heard of longest ago, if there are too many and it is idle."""
        if len(self._receivers) > KNOWN:
            receiver, oldest = next(iter(self._receivers.items()))
            if not oldest.waiting and not oldest.running:
                del self._receivers[receiver]
