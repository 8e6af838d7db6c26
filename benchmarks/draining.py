"""One drain: a queue filled while nobody works on it, then one worker, watched from outside.

The clock runs from the first twentieth of the jobs to the last, so no start-up counts.
"""

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import redis_server
from benchmarks.contenders import Client, Contender
from benchmarks.processes import running, tail
from benchmarks.redis_server import Cost
from benchmarks.registry import Model

#: The share of the jobs that has ended when the clock starts.
SKIPPED = 0.05
#: Between two looks at how far the worker is.
LOOK_S = 0.005
#: A worker that ends nothing for so long has failed.
PATIENCE_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """What one drain took, a job; ``pinned``: worker and Redis shared one core."""

    contender: str
    model: str
    pinned: bool
    jobs: int
    rate: float
    round_trips: float
    commands: float
    redis_us: float
    queued_bytes: float
    done_bytes: float


def drain(
    contender: Contender, model: Model, texts: Sequence[str], labels: Mapping[str, str], core: int | None
) -> Drained:
    """Fill a fresh Redis with a job a text, let one worker drain it, and compare some answers.

    Args:
        labels: what the model says to each text.
        core: where Redis and the worker run; wherever they like if None.

    Raises:
        SystemExit: the worker stopped working, or an answer is wrong.
    """
    with (
        tempfile.TemporaryDirectory(prefix="barometer-") as folder,
        redis_server.started(core) as url,
        Client.from_url(url) as client,
    ):
        queue = contender.open(model, url, Path(folder))
        empty = redis_server.memory(client)
        queue.fill(texts)
        queued = redis_server.memory(client)
        log = Path(folder, "worker.log")
        with running(queue.worker, log, queue.environment, core) as worker:
            seen = watch(client, lambda: queue.done(client, len(texts)), len(texts), worker.poll)
            if seen is None:
                raise SystemExit(f"{contender.name} ended nothing for {PATIENCE_S} s:\n{tail(log)}")
        done = redis_server.memory(client)
        compared = list(queue.answers(texts))
    wrong = sum(labels[text] != label for text, label in compared)
    if not compared or wrong > len(compared) * model.tolerance:
        raise SystemExit(f"{contender.name}: {wrong} of {len(compared)} answers are not the model's.")
    return Drained(
        contender=contender.name,
        model=model.short_name,
        pinned=core is not None,
        jobs=len(texts),
        rate=seen.jobs / seen.seconds,
        round_trips=seen.cost.reads / seen.jobs,
        commands=seen.cost.commands / seen.jobs,
        redis_us=seen.cost.cpu_s / seen.jobs * 1e6,
        queued_bytes=(queued - empty) / len(texts),
        done_bytes=(done - empty) / len(texts),
    )


@dataclass(frozen=True, slots=True)
class Seen:
    """The part of a drain that was measured."""

    jobs: int
    seconds: float
    cost: Cost


def watch(client: Client, done: Callable[[], int], jobs: int, ended: Callable[[], int | None]) -> Seen | None:
    """Look until all jobs have ended; None if the worker ended first, or ends nothing any more.

    Our own looks are taken off what Redis did: one command and one read each. Their time is not; it is
    under a hundredth.
    """
    start: tuple[float, int, Cost] | None = None
    last, changed, looks = 0, time.monotonic(), 0
    while True:
        count, now, looks = done(), time.monotonic(), looks + 1
        if count > last:
            last, changed = count, now
        elif now - changed > PATIENCE_S or ended() is not None:
            return None
        if start is None and count >= jobs * SKIPPED:
            start, looks = (now, count, redis_server.cost(client)), 0
        elif start and count >= jobs:
            began, counted, before = start
            # The end's own INFO is not counted yet, the start's is.
            spent = redis_server.cost(client).since(before)
            ours = looks + 1
            cost = Cost(spent.commands - ours, spent.reads - ours, spent.cpu_s)
            return Seen(count - counted, now - began, cost)
        time.sleep(LOOK_S)
