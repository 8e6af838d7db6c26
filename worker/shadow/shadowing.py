"""Follows the challenger's alias, lets its process score what was sampled, and says what came of it.

A thread of its own beside the loop. It asks for a few texts at a time, so that the interpreter's lock is
never missed for long, and lets the challenger rest between them. Whatever the challenger does, the champion
serves on: one that breaks is given up until the alias moves.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import timedelta

import redis

from worker.errors import ModelBroken, ModelUnavailable
from worker.registry import Registry, Version
from worker.shadow.ledger import Ledger, Pair
from worker.shadow.process import Process
from worker.shadow.sampling import Sampler
from worker.shadow.tally import Tally

log = logging.getLogger(__name__)

#: Between two looks at what was sampled: with ``sampling.WAITING`` it bounds the texts a second.
TICK_S = 0.25
#: What the challenger may take of one core; loading it, once, is not counted.
BUDGET = 0.05
#: Processor time that one call may cost, as far as is known: short, because the process gets little of it.
CALL_S = 0.1
#: How long a stop waits for the last telling.
PATIENCE_S = 3.0
#: Between two tries to begin where it could not be begun.
RETRY_S = 60.0
#: Between two tellings of what came of it.
FLUSH_S = 5.0
#: Tellings kept while Redis is away; the oldest are dropped beyond this.
UNTOLD = 100
#: The alias of the challenger is looked at so much more rarely than that of the champion.
RARER = 5


class Shadowing:
    """The shadow of one worker.

    Args:
        registry: where the alias is looked up.
        process: makes the process of a version.
        sampler: what the loop tells of its batches.
        ledger: where the comparisons are added up.
        champion: returns the number of the version that serves.
        poll: how often the champion's alias is looked at.
    """

    def __init__(
        self,
        registry: Registry,
        process: Callable[[Version], Process],
        sampler: Sampler,
        ledger: Ledger,
        champion: Callable[[], str],
        poll: timedelta,
    ) -> None:
        self._registry = registry
        self._process = process
        self._sampler = sampler
        self._ledger = ledger
        self._champion = champion
        self._look_s = RARER * poll.total_seconds()
        self._look_at = self._rest_until = 0.0
        self._pair: Pair | None = None
        self._child: Process | None = None
        #: Given up, or none to be had for now: not tried again before this time.
        self._given_up: dict[Version, float] = {}
        self._text_s: float | None = None
        self._tally = Tally()
        self._untold: deque[tuple[Pair, Tally]] = deque(maxlen=UNTOLD)
        self._seen = 0
        self._told_at = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)

    def start(self) -> None:
        """Begin to look for a challenger."""
        self._thread.start()

    def stop(self) -> None:
        """End the challenger's process and tell what is not told yet."""
        self._stop.set()
        # First: the thread may be waiting for an answer of it.
        if child := self._child:
            child.stop()
        # What the registry keeps waiting must not keep a stop waiting.
        self._thread.join(PATIENCE_S)

    def _run(self) -> None:
        while not self._stop.wait(TICK_S):
            try:
                self._turn()
            except Exception:
                # What is wrong here must not end the comparing for good; the loop knows nothing of it.
                log.exception("shadow.failed")
                self._end()
        self._end()

    def _turn(self) -> None:
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + self._look_s
            self._look()
        if self._child is not None and now >= self._rest_until:
            self._compare(self._child)
        if time.monotonic() >= self._told_at + FLUSH_S:
            self._tell()

    def _look(self) -> None:
        """Look who is to be compared with whom."""
        try:
            challenger = self._registry.challenger()
        except ModelUnavailable:
            return  # as before, until MLflow is back
        champion = self._champion()
        wanted = None if challenger is None or challenger.number == champion else Pair(champion, challenger)
        if wanted == self._pair:
            return
        if challenger not in self._given_up:
            self._given_up = {}  # the alias has moved on
        if self._child is None or wanted is None or self._pair is None:
            self._end()
            if wanted is not None and time.monotonic() >= self._given_up.get(wanted.challenger, 0.0):
                self._begin(wanted)
        elif wanted.challenger != self._pair.challenger:
            self._end()
            self._begin(wanted)
        else:
            # Another champion; the challenger is in memory already.
            self._tell()
            self._pair = wanted

    def _begin(self, pair: Pair) -> None:
        self._pair, self._text_s = pair, None
        try:
            child = self._child = self._process(pair.challenger)
            # Stopped meanwhile, before it could be seen: nobody else will end it.
            if self._stop.is_set():
                child.stop()
            child.ready()
        except (ModelUnavailable, OSError) as error:
            # Its files are not to be had, or there is no room for one more process now.
            log.warning("shadow.unavailable", extra={"reason": str(error)})
            self._give_up(pair, retry_s=RETRY_S)
            return
        except ModelBroken as error:
            self._break(pair, error)
            return
        self._seen, self._told_at = self._sampler.seen, time.monotonic()
        self._sampler.is_on = True
        log.info("shadow.began", extra={"version": pair.challenger.number, "champion": pair.champion})

    def _compare(self, child: Process) -> None:
        """Let the challenger answer what was sampled, and let it rest in proportion to what that took."""
        assert self._pair is not None, "a child has a pair"
        count = 1 if self._text_s is None else max(1, int(CALL_S / max(self._text_s, 1e-6)))
        samples = [one for one in self._sampler.take(count) if one.champion == self._pair.champion]
        if not samples:
            return
        try:
            answers = child.ask([sample.text for sample in samples])
        except ModelBroken as error:
            self._break(self._pair, error)
            return
        for sample, answer in zip(samples, answers, strict=True):
            self._tally.compared(sample, answer)
        spent_s = sum(answer["seconds"] for answer in answers)
        self._text_s = spent_s / len(answers)
        self._rest_until = time.monotonic() + spent_s * (1 / BUDGET - 1)

    def _break(self, pair: Pair, error: ModelBroken) -> None:
        """Give the challenger up, and say so: the gate must not wait for it."""
        if self._stop.is_set():
            return  # we have ended it ourselves
        self._tally.broken(error.reason)
        log.warning(
            "shadow.broken",
            extra={"version": pair.challenger.number, "champion": pair.champion, "reason": error.reason},
        )
        self._give_up(pair)

    def _give_up(self, pair: Pair, retry_s: float = float("inf")) -> None:
        self._given_up[pair.challenger] = time.monotonic() + retry_s
        self._end()

    def _end(self) -> None:
        """Compare no longer; what is not told yet is told."""
        self._tell()
        self._sampler.is_on = False
        if child := self._child:
            child.close()
        self._child = self._pair = None

    def _tell(self) -> None:
        """Hand over what has been counted; what Redis does not take waits for the next time."""
        now = time.monotonic()
        if self._sampler.is_on:
            self._tally.passed(self._sampler.seen - self._seen, now - self._told_at)
        self._seen, self._told_at = self._sampler.seen, now
        if self._pair is not None and self._tally:
            self._untold.append((self._pair, self._tally))
            self._tally = Tally()
        try:
            while self._untold:
                self._ledger.add(*self._untold[0])
                self._untold.popleft()
        except redis.RedisError as error:
            log.warning("shadow.untold", extra={"error": type(error).__name__})
