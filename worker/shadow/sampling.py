"""Which answered texts the challenger sees as well. Called by the loop: no lock, no call, no I/O."""

import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from worker.batch import Batch

#: The most that wait for the challenger; a newer one takes the place of the oldest.
WAITING = 8
#: Longer texts are passed over: a pipe must take all that wait at once.
LONGEST = 2_000


@dataclass(frozen=True, slots=True)
class Sample:
    """A text with the champion's answer. ``seconds`` is its part of the batch that it ran in."""

    champion: str
    text: str
    label: str
    scores: Mapping[str, float]
    seconds: float


class Sampler:
    """Keeps a share of what was answered until somebody takes it.

    Args:
        share: of all texts, in [0, 1].
        chance: returns a number in [0, 1), each time another.
    """

    def __init__(self, share: float, chance: Callable[[], float] = random.random) -> None:
        self._share = share
        self._chance = chance
        self._kept: deque[Sample] = deque(maxlen=WAITING)
        #: Whether there is a challenger to compare with.
        self.is_on = False
        #: Texts answered while there was one. Written by the loop alone, so that none is lost.
        self.seen = 0

    def offer(self, batch: Batch) -> None:
        """Take in a batch whose results are stored."""
        if not self.is_on:
            return
        self.seen += len(batch.outcomes)
        seconds = batch.inference_s / max(len(batch.outcomes), 1)
        chosen: list[Sample] = []
        # From the newest on: no time for what would only be pushed out again.
        for outcome in reversed(batch.outcomes):
            if len(chosen) == WAITING:
                break
            answer = outcome.answer
            if self._chance() >= self._share or answer is None or outcome.explanation is not None:
                continue
            text = outcome.job.text
            if len(text) <= LONGEST:
                chosen.append(Sample(batch.version, text, answer.label, answer.scores, seconds))
        self._kept.extend(reversed(chosen))

    def take(self, count: int) -> list[Sample]:
        """Return up to so many of those that wait, oldest first."""
        taken: list[Sample] = []
        while self._kept and len(taken) < count:
            taken.append(self._kept.popleft())
        return taken
