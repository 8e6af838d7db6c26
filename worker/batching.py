"""Which waiting jobs run together.

Pure arithmetic on sizes: no Redis, no model, no clock of its own. A model that pads computes every text as
if it were as long as the longest, so a batch costs longest x count; one that does not costs the sum.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

#: Share of the newest batch in the average; a model's speed changes when it is swapped, and little else.
_NEWEST = 0.2


class Release(StrEnum):
    """Why a batch ran when it did."""

    JOBS = "jobs"  # as many as may run together
    TOKENS = "tokens"  # one more would cost too much
    EMPTY = "empty"  # nothing else waits
    PATIENCE = "patience"  # company was expected and did not come in time
    SUSPECT = "suspect"  # a worker died on it, so it runs alone
    EXPLAIN = "explain"  # explanations run alone


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds a batch.

    ``tokens`` is the cost, ``duration`` the time that it should take at most, which matters for those
    who come after it; one text always runs, whatever it costs. ``patience`` is how long a batch that
    is not full waits for company.
    """

    jobs: int
    tokens: int
    duration: timedelta
    patience: timedelta


class Pace:
    """How fast the model is, learnt from the batches it ran."""

    def __init__(self) -> None:
        self._seconds_per_token: float | None = None
        #: How long a batch lately took, on average.
        self.batch_s = 0.0

    def learn(self, tokens: int, seconds: float) -> None:
        """Take in one batch that cost ``tokens``."""
        newest = seconds / max(tokens, 1)
        self.batch_s += _NEWEST * (seconds - self.batch_s)
        known = self._seconds_per_token
        self._seconds_per_token = newest if known is None else known + _NEWEST * (newest - known)

    def tokens(self, limits: Limits) -> int:
        """Return how many tokens a batch may cost now."""
        if not self._seconds_per_token:
            return limits.tokens
        return max(1, min(limits.tokens, int(limits.duration.total_seconds() / self._seconds_per_token)))


def cost(tokens: Sequence[int], *, is_padded: bool) -> int:
    """Return what a batch of texts of these sizes costs."""
    return max(tokens, default=0) * len(tokens) if is_padded else sum(tokens)


def next_batch(
    tokens: Sequence[int], jobs: int, budget: int, *, is_padded: bool
) -> tuple[list[int], Release]:
    """Choose from what waits, in the order it was claimed; return the places of the chosen, and why no more.

    The first always runs, so nobody is passed over twice. Around it, where padding costs, come those
    of similar length: of all runs of neighbours by length that hold the first and fit, the one with most
    texts, and of these the one that wastes least.
    """
    if not tokens:
        return [], Release.EMPTY
    chosen = _neighbours(tokens, jobs, budget) if is_padded else _first(tokens, jobs, budget)
    if len(chosen) == jobs:
        return chosen, Release.JOBS
    return chosen, Release.EMPTY if len(chosen) == len(tokens) else Release.TOKENS


def _first(tokens: Sequence[int], jobs: int, budget: int) -> list[int]:
    total = 0
    chosen: list[int] = []
    for place, size in enumerate(tokens[:jobs]):
        total += size
        if chosen and total > budget:
            break
        chosen.append(place)
    return chosen


def _neighbours(tokens: Sequence[int], jobs: int, budget: int) -> list[int]:
    by_size = sorted(range(len(tokens)), key=tokens.__getitem__)
    first = by_size.index(0)
    best, best_waste = [0], 0
    for end in range(first, len(by_size)):
        longest = max(tokens[by_size[end]], 1)
        count = min(jobs, budget // longest, end + 1)
        if end - count + 1 > first:
            continue  # too long to take the first along
        window = by_size[end - count + 1 : end + 1]
        waste = longest * count - sum(tokens[place] for place in window)
        if (count, -waste) > (len(best), -best_waste):
            best, best_waste = window, waste
    return best
