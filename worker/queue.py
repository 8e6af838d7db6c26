"""Claim, commit, extend, hand back, reap: one call to Redis each, for a whole batch.

The data are RQ's own (lists, job hashes, registries), so its tools see the truth; what makes them
safe is ours: a lease per claim and a fence per attempt. Every script is atomic, so a prediction is in a
queue, under a lease, or terminal, and becomes terminal once. Knows Redis, knows no model.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any, cast

from redis import Redis

from contract import jobs, keys
from contract.jobs import Lane
from contract.scripts import TERMINAL
from contract.states import Status
from worker.batch import Batch, Claimed, Job, Outcome
from worker.flight import Flight

#: Two missed heartbeats: a paused VM loses its lease, a slow batch does not.
LEASE = timedelta(seconds=6)
#: The most leases taken back in one call, so that Redis is never held up for long.
REAPED_AT_ONCE = 500
#: RQ's janitor fails a job whose registry entry is this old; our reaper has taken it back long before.
STARTED_TTL_S = 3600
#: The most that one claim brings, in characters, so that a queue of huge texts cannot fill a worker's memory.
CLAIMED_SIZE = 2**23
#: What a lane gets of each claim while higher ones compete for it. Nobody starves, nobody urgent notices.
SHARES = {Lane.HIGH: 1.0, Lane.DEFAULT: 0.2, Lane.BULK: 0.05}


class Queue:
    """The queues of one model, seen by one worker.

    Args:
        redis: a client that decodes responses.
        model: the registered model.
        worker: RQ's name of this worker, or None under a stock RQ worker, which keeps RQ's books itself.
        lease: how long a claim holds without a heartbeat.
    """

    def __init__(self, redis: "Redis", model: str, worker: str | None, lease: timedelta = LEASE) -> None:
        self.model = model
        self.lease = lease
        self._redis = redis
        self._worker = worker or ""
        self._worker_key = keys.WORKER_PREFIX + worker if worker else ""
        self._claim = redis.register_script(_lua("claim"))
        self._extend = redis.register_script(_lua("extend"))
        self._hand_back = redis.register_script(_lua("hand_back"))
        self._commit = redis.register_script(TERMINAL + _lua("commit"))
        self._reap = redis.register_script(TERMINAL + _lua("reap"))

    def claim(self, budget: int, *, holds: bool = False, takes_s: float = 0.0) -> Claimed:
        """Take up to so many jobs, urgent lanes first, each under a lease.

        Args:
            budget: the most jobs.
            holds: whether this worker has others in hand; it is then given no suspect, and not more
                than its part of what waits.
            takes_s: how long they will take; what is due by then is left to its deadline.
        """
        return self.landed(self.exchange(None, budget, holds=holds, takes_s=takes_s))[1]

    def claim_aside(self) -> Claimed:
        """Take one job that wants an explanation."""
        names = [jobs.queue_name(self.model, Lane.EXPLAIN)]
        found = self._claim(*self._claiming(1, holds=False, shares={names[0]: 1.0}))
        return _claimed(cast("list[Any]", found))

    def claim_one(self, id: str) -> Job | None:
        """Lease the job that a stock RQ worker has popped; None when it is no longer wanted."""
        found = self._claim(*self._claiming(1, holds=False, named=id))
        return next(iter(_claimed(cast("list[Any]", found)).jobs), None)

    def exchange(self, done: Batch | None, budget: int, *, holds: bool, takes_s: float = 0.0) -> Flight:
        """Send a commit of ``done`` and the next claim in one round trip; read it with :meth:`landed`."""
        calls = [(self._claim, *self._claiming(budget, holds=holds, takes_s=takes_s))]
        if done is not None:
            calls.insert(0, (self._commit, *self._committing(done)))
        return Flight(self._redis, calls)

    def landed(self, flight: Flight) -> tuple[int, Claimed]:
        """Wait for an exchange; return how many jobs were still ours to end, and what was claimed."""
        *committed, claimed = flight.arrive()
        return sum(committed[0]) if committed else 0, _claimed(claimed)

    def wait(self, timeout: timedelta) -> bool:
        """Sleep until the doorbell rings, at most ``timeout``; say whether it rang. Costs Redis one command.

        A job that somebody enqueued without ringing (``rq requeue``) is found when the time is up.
        """
        return bool(self._redis.blpop([keys.doorbell(self.model)], timeout=timeout.total_seconds()))

    def commit(self, batch: Batch) -> int:
        """End the jobs of one batch; return how many of them were still ours.

        Safe to repeat when the connection broke and nobody knows whether the first call arrived: the
        second finds the states terminal and changes nothing.
        """
        return sum(cast("list[int]", self._commit(*self._committing(batch))))

    def extend(self, leases: Sequence[str]) -> int:
        """Let the leases start anew; return how many were still held."""
        return cast("int", self._extend(keys=[keys.LEASES], args=[self.lease.total_seconds(), *leases]))

    def hand_back(self, held: Sequence[Job]) -> int:
        """Give back what will not be run, to the head of its queue; return how many were still ours."""
        if not held:
            return 0
        arguments: list[Any] = [
            keys.PREDICTION_PREFIX, keys.JOB_PREFIX, keys.QUEUE_PREFIX, keys.STARTED_PREFIX,
        ]  # fmt: skip
        for job in sorted(held, key=lambda job: job.id):
            arguments += [job.queue, job.id, job.fence]
        touched = [keys.LEASES, keys.doorbell(self.model), keys.backlog(self.model)]
        return cast("int", self._hand_back(keys=touched, args=arguments))

    def reap(self) -> tuple[int, int]:
        """Take back every expired lease, of any model; return how many jobs were requeued and failed.

        Also drops what has expired from this model's registries of ended jobs.
        """
        names = jobs.queue_names(self.model)
        ended = [registry(name) for name in names for registry in (keys.finished, keys.failed)]
        requeued, failed = cast(
            "tuple[int, int]",
            self._reap(
                keys=[keys.LEASES, keys.QUEUES, *ended],
                args=[
                    keys.STARTED_PREFIX, keys.FAILED_PREFIX, keys.DOORBELL_PREFIX, jobs.MAX_DEATHS,
                    REAPED_AT_ONCE, _today(),
                ],
            ),
        )  # fmt: skip
        return requeued, failed

    def _claiming(
        self,
        budget: int,
        *,
        holds: bool,
        takes_s: float = 0.0,
        named: str = "",
        shares: dict[str, float] | None = None,
    ) -> tuple[list[Any], list[Any]]:
        """Return keys and arguments of claim.lua."""
        shares = shares or {jobs.queue_name(self.model, lane): share for lane, share in SHARES.items()}
        arguments: list[Any] = [
            keys.PREDICTION_PREFIX, keys.JOB_PREFIX, keys.QUEUE_PREFIX, keys.STARTED_PREFIX,
            self._worker_key, self._worker, keys.workers(self.model), _today(),
            self.lease.total_seconds(), STARTED_TTL_S, budget, CLAIMED_SIZE, int(holds), named,
            jobs.queue_name(self.model, Lane.EXPLAIN), takes_s,
        ]  # fmt: skip
        for name, share in shares.items():
            arguments += [name, share]
        return [keys.doorbell(self.model), keys.LEASES, keys.backlog(self.model), keys.OUTBOX], arguments

    def _committing(self, batch: Batch) -> tuple[list[Any], list[Any]]:
        """Return keys and arguments of commit.lua."""
        arguments: list[Any] = [
            keys.STARTED_PREFIX, keys.FINISHED_PREFIX, keys.FAILED_PREFIX,
            self._worker_key, _today(), int(jobs.FINISHED_JOB_TTL.total_seconds()), batch.inference_s,
            batch.version, f"{batch.inference_s:.6f}", len(batch.outcomes),
        ]  # fmt: skip
        for outcome in batch.outcomes:
            arguments += _arguments(outcome)
        return [keys.LEASES], arguments


def _lua(name: str) -> str:
    return files("worker").joinpath("lua", f"{name}.lua").read_text("utf-8")


def _arguments(outcome: Outcome) -> list[Any]:
    """Eight arguments of commit.lua for one prediction."""
    job, answer = outcome.job, outcome.answer
    is_truncated = "1" if outcome.is_truncated else ""
    if answer is None:
        ended = [Status.FAILED, "", is_truncated, outcome.error, outcome.error_code]
    else:
        ended = [Status.SUCCEEDED, answer.label, is_truncated, outcome.output(), ""]
    return [job.queue, job.id, job.fence, *ended]


def _claimed(answer: Sequence[Any]) -> Claimed:
    left, aside, has_suspect, rows = answer
    return Claimed([Job.from_claim(row) for row in rows], left, aside, bool(has_suspect))


def _today() -> str:
    """Now, as RQ writes it in its job hashes; for its tools to show, nothing is decided by it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
