"""Claim, commit, extend, reap: one call to Redis each, for a whole batch.

The data are RQ's own (lists, job hashes, registries), so its tools see the truth; what makes them
safe is ours: a lease per claim and a fence per attempt. Every script is atomic, so a prediction is in the
queue, under a lease, or terminal, and becomes terminal once. Knows Redis, knows no model.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any, cast

from redis import Redis

from contract import events, jobs, keys, labels
from contract.scripts import TERMINAL
from contract.states import Status

#: Two missed heartbeats: a paused VM loses its lease, a slow batch does not.
LEASE = timedelta(seconds=6)
#: The most leases taken back in one call, so that Redis is never held up for long.
REAPED_AT_ONCE = 500
#: RQ's janitor fails a job whose registry entry is this old; our reaper has taken it back long before.
STARTED_TTL_S = 3600


@dataclass(frozen=True, slots=True)
class Job:
    """One claimed prediction. Only the holder of the newest ``fence`` may end it."""

    id: str
    fence: int
    text: str

    @property
    def lease(self) -> str:
        """The name of this attempt in the registries."""
        return f"{self.id}:{self.fence}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one job ended: an answer, or an error that a client can be told."""

    job: Job
    answer: labels.Answer | None
    error: str = ""
    error_code: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """Outcomes of texts that ran together, with what they have in common."""

    outcomes: Sequence[Outcome]
    version: str
    inference_s: float


class Queue:
    """The queue of one model, seen by one worker.

    Args:
        redis: a client that decodes responses.
        name: RQ's queue.
        worker: RQ's name of this worker, or None under a stock RQ worker, which keeps RQ's books itself.
        lease: how long a claim holds without a heartbeat.
    """

    def __init__(self, redis: "Redis", name: str, worker: str | None, lease: timedelta = LEASE) -> None:
        self.name = name
        self.lease = lease
        self._redis = redis
        self._worker = worker or ""
        self._worker_key = keys.WORKER_PREFIX + worker if worker else ""
        self._claim = redis.register_script(_lua("claim"))
        self._extend = redis.register_script(_lua("extend"))
        self._commit = redis.register_script(TERMINAL + _lua("commit"))
        self._reap = redis.register_script(TERMINAL + _lua("reap"))

    def claim(self, budget: int) -> list[Job]:
        """Take up to ``budget`` jobs from the head of the queue, each under a lease."""
        return self._claimed(budget)

    def claim_one(self, id: str) -> Job | None:
        """Lease the job that a stock RQ worker has popped; None when it is no longer wanted."""
        return next(iter(self._claimed(1, id)), None)

    def _claimed(self, budget: int, *named: str) -> list[Job]:
        claimed = self._claim(
            keys=[keys.queue(self.name), keys.started(self.name), keys.doorbell(self.name), keys.LEASES],
            args=[
                keys.PREDICTION_PREFIX, keys.JOB_PREFIX, keys.EXECUTION_PREFIX,
                self._worker_key, self._worker, _today(),
                budget, self.lease.total_seconds(), STARTED_TTL_S, *named,
            ],
        )  # fmt: skip
        rows = cast("list[tuple[str, int, str]]", claimed)
        return [Job(id, int(fence), json.loads(input)["text"]) for id, fence, input in rows]

    def wait(self, timeout: timedelta) -> None:
        """Sleep until the doorbell rings, at most ``timeout``; costs Redis one command.

        A job that somebody enqueued without ringing (``rq requeue``) is found when the time is up.
        """
        self._redis.blpop([keys.doorbell(self.name)], timeout=timeout.total_seconds())

    def commit(self, batch: Batch) -> int:
        """End the jobs of one batch; return how many of them were still ours.

        Safe to repeat when the connection broke and nobody knows whether the first call arrived: the
        second finds the states terminal and changes nothing.
        """
        arguments: list[Any] = [
            *_prefixes(), self._worker_key, _today(), int(jobs.FINISHED_JOB_TTL.total_seconds()),
            batch.inference_s, batch.version, f"{batch.inference_s:.6f}", len(batch.outcomes),
        ]  # fmt: skip
        for outcome in batch.outcomes:
            arguments += _arguments(outcome)
        registries = [keys.started(self.name), keys.finished(self.name), keys.failed(self.name)]
        return sum(cast("list[int]", self._commit(keys=[*registries, keys.LEASES], args=arguments)))

    def extend(self, leases: Sequence[str]) -> int:
        """Let the leases start anew; return how many were still held."""
        return cast("int", self._extend(keys=[keys.LEASES], args=[self.lease.total_seconds(), *leases]))

    def reap(self) -> tuple[int, int]:
        """Take back every expired lease, of any queue; return how many jobs were requeued and failed.

        Also drops what has expired from this queue's registries of ended jobs.
        """
        requeued, failed = cast(
            "tuple[int, int]",
            self._reap(
                keys=[keys.LEASES, keys.QUEUES, keys.finished(self.name), keys.failed(self.name)],
                args=[
                    *_prefixes(), keys.QUEUE_PREFIX, keys.STARTED_PREFIX, keys.FAILED_PREFIX,
                    keys.DOORBELL_PREFIX, jobs.MAX_ATTEMPTS, REAPED_AT_ONCE, _today(),
                ],
            ),
        )  # fmt: skip
        return requeued, failed


def _lua(name: str) -> str:
    return files("worker").joinpath("lua", f"{name}.lua").read_text("utf-8")


def _prefixes() -> list[Any]:
    """The arguments that every script which ends predictions starts with."""
    return [
        keys.PREDICTION_PREFIX, keys.JOB_PREFIX, keys.EXECUTION_PREFIX, keys.EVENTS, keys.OUTBOX,
        events.EVENTS_KEPT, int(jobs.RETENTION.total_seconds()),
    ]  # fmt: skip


def _arguments(outcome: Outcome) -> list[Any]:
    """Seven arguments of commit.lua for one prediction."""
    job, answer = outcome.job, outcome.answer
    if answer is None:
        return [job.id, job.fence, Status.FAILED, "", "", outcome.error, outcome.error_code]
    output = json.dumps(answer.output(), ensure_ascii=False, separators=(",", ":"))
    return [job.id, job.fence, Status.SUCCEEDED, answer.label, output, "", ""]


def _today() -> str:
    """Now, as RQ writes it in its job hashes; for its tools to show, nothing is decided by it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
