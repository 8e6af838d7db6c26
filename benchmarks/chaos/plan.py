"""What is struck, and when. Pure: the same seed gives the same plan."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What can happen to a service, as it is printed."""

    KILL = "SIGKILL"
    RESTART = "SIGTERM"
    PAUSE = "SIGSTOP, SIGCONT"
    CUT = "CLIENT KILL"
    MOVE = "alias moved"


@dataclass(frozen=True, slots=True)
class Fault:
    """``at_s`` counts from the beginning of the load; ``service`` has one or more processes."""

    at_s: float
    kind: Kind
    service: str


#: Every fault once; dealt like cards, so that a short run meets each of them.
DECK = (
    *((Kind.KILL, service) for service in ("gateway", "worker", "monitoring", "redis", "mlflow")),
    *((Kind.RESTART, service) for service in ("gateway", "worker", "monitoring", "redis", "mlflow")),
    (Kind.PAUSE, "worker"),
    (Kind.CUT, "redis"),
    (Kind.MOVE, "mlflow"),
)


def plan(seed: int, duration_s: float, every_s: float) -> Sequence[Fault]:
    """Return faults with gaps of half to one and a half ``every_s``, the deck shuffled anew each time."""
    chance = random.Random(seed)
    faults: list[Fault] = []
    at_s = 0.0
    while True:
        for kind, service in chance.sample(DECK, len(DECK)):
            at_s += chance.uniform(0.5, 1.5) * every_s
            if at_s >= duration_s:
                return faults
            faults.append(Fault(at_s, kind, service))
