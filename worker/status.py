"""What ``python -m worker status`` prints: the queues of a model, and who works on them.

Reads Redis and writes nothing, so it tells the truth whether a worker runs or not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from redis import Redis
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from contract import jobs, keys


@dataclass(frozen=True, slots=True)
class QueueLine:
    """One queue, as it is now."""

    name: str
    waiting: int
    oldest_s: float
    started: int
    finished: int
    failed: int


@dataclass(frozen=True, slots=True)
class WorkerLine:
    """One living worker. A stock RQ worker names no version."""

    name: str
    state: str
    version: str
    succeeded: int
    failed: int
    working_s: float


def queues(redis: "Redis", model: str) -> list[QueueLine]:
    """Return a line for each queue of the model."""
    now = _now(redis)
    return [_queue(redis, name, now) for name in jobs.queue_names(model)]


def workers(redis: "Redis", model: str) -> list[WorkerLine]:
    """Return a line for each worker that is there, by name."""
    registered = cast("set[str]", redis.smembers(keys.workers(model)))
    found = [(key, cast("Mapping[str, str]", redis.hgetall(key))) for key in sorted(registered)]
    return [_worker(key, fields) for key, fields in found if fields]


def report(redis: "Redis", model: str) -> Group:
    """Return the tables; raises redis.RedisError if Redis is away."""
    found = workers(redis, model)
    parts: list[RenderableType] = [_queues(queues(redis, model), model)]
    if found:
        parts.append(_workers(found))
    else:
        parts.append(Text(f"No worker holds {model!r}: what waits stays where it is.", style="bold red"))
    leases = redis.zcard(keys.LEASES)
    overdue = redis.zcount(keys.LEASES, "-inf", _now(redis))
    parts.append(Text(f"{leases} leases, {overdue} overdue"))
    return Group(*parts)


def _now(redis: "Redis") -> float:
    seconds, microseconds = redis.time()
    return seconds + microseconds / 1e6


def _queue(redis: "Redis", name: str, now: float) -> QueueLine:
    head = cast("str | None", redis.lindex(keys.queue(name), 0))
    created_at = redis.hget(keys.prediction(head), "created_at") if head else None
    counted: Any = redis.pipeline(transaction=False)
    counted.llen(keys.queue(name))
    for registry in (keys.started, keys.finished, keys.failed):
        counted.zcard(registry(name))
    waiting, started, finished, failed = counted.execute()
    oldest_s = max(0.0, now - float(cast("str", created_at))) if created_at else 0.0
    return QueueLine(name, waiting, oldest_s, started, finished, failed)


def _worker(key: str, fields: Mapping[str, str]) -> WorkerLine:
    return WorkerLine(
        name=key.removeprefix(keys.WORKER_PREFIX),
        state=fields.get("state", "?"),
        version=fields.get(keys.SERVING, "-"),
        succeeded=int(fields.get("successful_job_count", 0)),
        failed=int(fields.get("failed_job_count", 0)),
        working_s=float(fields.get("total_working_time", 0)),
    )


def _queues(lines: list[QueueLine], model: str) -> Table:
    table = Table(title=f"Queues of {model}", title_justify="left")
    table.add_column("queue")
    for column in ("waiting", "oldest, s", "executing", "finished", "failed"):
        table.add_column(column, justify="right")
    for line in lines:
        age = f"{line.oldest_s:.1f}" if line.waiting else "-"
        counts = (line.started, line.finished, line.failed)
        table.add_row(line.name, str(line.waiting), age, *map(str, counts))
    return table


def _workers(lines: list[WorkerLine]) -> Table:
    table = Table(title="Workers", title_justify="left")
    for column in ("worker", "state", "version"):
        table.add_column(column)
    for column in ("succeeded", "failed", "model, s"):
        table.add_column(column, justify="right")
    for line in lines:
        done = (str(line.succeeded), str(line.failed), f"{line.working_s:.1f}")
        table.add_row(line.name, line.state, line.version, *done)
    return table
