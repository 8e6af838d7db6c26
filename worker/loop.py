"""Claim, predict, commit, until told to stop.

The order is the guarantee. Heartbeat before claim: a registered worker is a ready one. Hold before predict: a
batch longer than a lease keeps it. Commit before letting go of the leases: a crash between them repeats work,
never loses it.

The commit of the last batch and the claim of the next travel to Redis in one round trip; under backlog, while
the model works on the batch between them.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TypeVar

import redis

from worker import inference
from worker.batch import Batch, Claimed, Job, Outcome, Waiting
from worker.batching import Limits, Pace, Release, next_batch
from worker.flight import Flight
from worker.heartbeat import Heartbeat
from worker.inference import Model
from worker.metrics import Metrics
from worker.queue import Queue

log = logging.getLogger(__name__)

#: How long an idle worker sleeps on the doorbell; also how late it notices a job enqueued without ringing.
IDLE = timedelta(seconds=1)
#: Between two tries while Redis is away.
RETRY_S = 0.25
#: How many batches a model that pads chooses from: enough to find texts of similar length.
CHOICE = 4
#: After an explanation under load, as many times its duration belong to predictions.
EXPLAIN_PAUSE = 9

#: What Redis gets over without us: away, loading, a replica in a failover, or full.
_PASSING = (redis.ConnectionError, redis.TimeoutError, redis.ReadOnlyError, redis.OutOfMemoryError)
#: Redis 6.2 wraps it in a script error. Nothing is half written: a script is refused at its first write.
_FULL = "OOM command not allowed"

T = TypeVar("T")


class Loop:
    """One worker's loop over the queues of one model.

    Args:
        model: returns the model that serves now; asked once for each batch, so a swap falls between two.
        stop: set from a signal handler; the batch in hand is finished first, the rest handed back.
    """

    def __init__(
        self,
        queue: Queue,
        heartbeat: Heartbeat,
        model: Callable[[], Model],
        limits: Limits,
        stop: threading.Event,
        metrics: Metrics,
    ) -> None:
        self._queue = queue
        self._heartbeat = heartbeat
        self._model = model
        self._limits = limits
        self._stop = stop
        self._metrics = metrics
        self._pace = Pace()
        self._redis_away = False
        #: Claimed and not yet run, in the order in which they were claimed.
        self._tray: list[Waiting] = []
        #: Ended without running: their texts could not be encoded.
        self._ended: list[Outcome] = []
        #: Ran, and not yet committed.
        self._done: Batch | None = None
        self._running: list[Job] = []
        #: Sent while a batch runs; read by this loop, or by whoever hands back in the middle of it.
        self._flight: Flight | None = None
        self._landing = threading.Lock()
        self._seen = Claimed()
        self._had_company = False
        self._explain_after = 0.0
        self._listeners: list[Callable[[Batch], None]] = []

    def run(self) -> None:
        """Work until ``stop`` is set."""
        while not self._stop.is_set():
            if self._tray or self._ended:
                self._turn()
            elif self._wants_to_explain():
                self._explain()
            elif not self._fetch() and not self._seen.left and not self._seen.aside:
                self._insist(lambda: self._queue.wait(IDLE))
        self._settle()
        self.hand_back()

    def tell(self, listener: Callable[[Batch], None]) -> None:
        """Have somebody told of each batch once it is stored; it must take no time and not raise."""
        self._listeners.append(listener)

    def hand_back(self) -> None:
        """Give back what is not committed. Safe from another thread when the process ends next."""
        held = [*self._held(), *self._underway()]
        self._running, self._tray, self._ended, self._done = [], [], [], None
        back = self._insist(lambda: self._queue.hand_back(held))
        if back:
            log.info("leases.handed_back", extra={"jobs": back})
        self._heartbeat.hold(())

    def _underway(self) -> list[Job]:
        """Return what an exchange has claimed whose answer nobody has read: the model runs."""
        flight = self._take_flight()
        try:
            return list(self._queue.landed(flight)[1].jobs) if flight else []
        except redis.RedisError:
            return []  # their leases end by themselves

    def _fetch(self) -> bool:
        """Fill the empty tray, waiting for company if there was some lately; say whether it worked."""
        self._receive(self._insist(lambda: self._exchange(holds=False)))
        expected = self._had_company and not self._seen.left and not self._seen.has_suspect
        until = time.monotonic() + self._limits.patience.total_seconds()
        while expected and 0 < len(self._tray) < self._limits.jobs:
            remaining = timedelta(seconds=until - time.monotonic())
            if remaining <= timedelta() or not self._insist(partial(self._queue.wait, remaining)):
                break
            self._receive(self._insist(lambda: self._exchange(holds=True)))
        return bool(self._tray or self._ended)

    def _turn(self) -> None:
        """Run one batch; while it runs, Redis takes in the one before and finds the next."""
        model = self._model()
        chosen, release = self._choose(model)
        ended, self._ended = self._ended, []
        self._running = [*(one.job for one in chosen), *(outcome.job for outcome in ended)]
        budget = self._room(model) if self._may_claim() else 0
        if self._done or budget > 0:
            self._depart(budget)
        batch = inference.run(model, chosen, ended)
        self._metrics.ran(batch, release)
        self._arrive()
        self._settle()
        self._done, self._running = batch, []
        self._had_company = len(chosen) > 1
        if chosen:
            self._pace.learn(batch.padded, batch.inference_s)

    def _choose(self, model: Model) -> tuple[list[Waiting], Release]:
        """Take the next batch from the tray."""
        if any(one.version != model.version for one in self._tray):
            # Encoded for the version that served before a swap.
            waiting, ended = inference.encode(model, [one.job for one in self._tray])
            self._tray, self._ended = waiting, self._ended + ended
        sizes = [one.encoded.tokens for one in self._tray]
        budget = self._pace.tokens(self._limits)
        places, release = next_batch(sizes, self._limits.jobs, budget, is_padded=model.is_padded)
        chosen = [self._tray[place] for place in places]
        taken = set(places)
        self._tray = [one for place, one in enumerate(self._tray) if place not in taken]
        return chosen, Release.SUSPECT if self._seen.has_suspect and len(chosen) == 1 else release

    def _may_claim(self) -> bool:
        """Whether more is fetched while a batch runs: not when what comes next must run alone."""
        return self._seen.left > 0 and not self._seen.has_suspect and not self._wants_to_explain()

    def _wants_to_explain(self) -> bool:
        return self._seen.aside > 0 and time.monotonic() >= self._explain_after

    def _room(self, model: Model) -> int:
        """How many more may be claimed while a batch runs."""
        return self._limits.jobs * (CHOICE if model.is_padded else 1) - len(self._tray)

    def _exchange(self, *, holds: bool) -> Claimed:
        """Commit what is done and claim, in one round trip."""
        room = self._limits.jobs - len(self._tray)
        return self._land(self._queue.exchange(self._done, room, holds=holds, takes_s=self._pace.batch_s))

    def _land(self, flight: Flight) -> Claimed:
        committed, claimed = self._queue.landed(flight)
        if self._done:
            self._committed(self._done, committed)
        return claimed

    def _depart(self, budget: int) -> None:
        """Send the exchange on its way; a Redis that is away is insisted upon after the batch."""
        # What is claimed now waits for the batch that runs.
        takes_s = 2 * self._pace.batch_s
        try:
            self._flight = self._queue.exchange(self._done, budget, holds=True, takes_s=takes_s)
        except redis.RedisError as error:
            self._passes(error)

    def _take_flight(self) -> Flight | None:
        """Return the exchange that is under way to the one of two threads that comes first."""
        with self._landing:
            flight, self._flight = self._flight, None
            return flight

    def _arrive(self) -> None:
        """Take in what the exchange brought. A broken one is no loss: the commit is repeated."""
        flight = self._take_flight()
        if flight is None:
            return
        try:
            claimed = self._land(flight)
        except redis.RedisError as error:
            self._passes(error)
        else:
            self._receive(claimed)

    def _receive(self, claimed: Claimed | None) -> None:
        self._seen = claimed or Claimed()
        if self._seen.jobs:
            waiting, ended = inference.encode(self._model(), self._seen.jobs)
            self._tray += waiting
            self._ended += ended
            self._metrics.claimed(self._seen)
        self._hold()

    def _settle(self) -> None:
        """Commit what is done, however long that takes."""
        if done := self._done:
            committed = self._insist(lambda: self._queue.commit(done))
            if committed is not None:
                self._committed(done, committed)

    def _committed(self, batch: Batch, committed: int) -> None:
        self._done = None
        self._hold()
        self._metrics.committed(batch)
        for listener in self._listeners:
            listener(batch)
        if committed != len(batch.outcomes):
            log.warning("commit.refused", extra={"jobs": len(batch.outcomes) - committed})

    def _explain(self) -> None:
        """Answer one that asks why, by itself: it may take longer than a whole batch."""
        self._settle()
        begun = time.monotonic()
        claimed = self._insist(self._queue.claim_aside) or Claimed()
        self._seen = replace(self._seen, jobs=(), aside=claimed.aside)
        self._metrics.claimed(claimed)
        for job in claimed.jobs:
            self._running = [job]
            self._hold()
            self._done = inference.explain(self._model(), job)
            self._running = []
            self._metrics.ran(self._done, Release.EXPLAIN)
            self._settle()
        took = time.monotonic() - begun
        self._explain_after = time.monotonic() + (took * EXPLAIN_PAUSE if self._seen.left else 0)

    def _held(self) -> list[Job]:
        """All that is leased to this worker."""
        outcomes = [*self._ended, *(self._done.outcomes if self._done else ())]
        return [*(outcome.job for outcome in outcomes), *self._running, *(one.job for one in self._tray)]

    def _hold(self) -> None:
        held = self._held()
        self._heartbeat.hold([job.lease for job in held])
        self._metrics.leases.set(len(held))

    def _insist(self, call: Callable[[], T]) -> T | None:
        """Call Redis until it answers; give up only when told to stop."""
        while True:
            try:
                answer = call()
            except redis.RedisError as error:
                self._passes(error)
                if self._stop.wait(RETRY_S):
                    return None
            else:
                if self._redis_away:
                    log.info("redis.back")
                    self._redis_away = False
                return answer

    def _passes(self, error: redis.RedisError) -> None:
        """Say once that Redis is away, or raise what no patience helps against."""
        if not isinstance(error, _PASSING) and _FULL not in str(error):
            raise error
        if not self._redis_away:
            log.error("redis.away", extra={"error": type(error).__name__})
            self._redis_away = True
