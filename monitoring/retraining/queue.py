"""Asking the trainer, through RQ's queue of trainings. The only file of monitoring that knows RQ.

Jobs are called by name (``contract.jobs``): monitoring imports nothing of the trainer, nor of MLflow. The id
of a job is made of what it is about, so there is one training of a model at a time, whoever asks for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from redis import Redis
from rq import Queue
from rq.command import send_stop_job_command
from rq.exceptions import DuplicateJobError, NoSuchJobError
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer

from contract.jobs import ROLL_BACK, TRAIN, TRAINING_QUEUE

#: A transformer on a CPU takes hours.
TIMEOUT = timedelta(hours=12)
#: How long what came of it can be read.
KEPT = timedelta(days=30)

UNDER_WAY = (JobStatus.QUEUED, JobStatus.STARTED, JobStatus.DEFERRED, JobStatus.SCHEDULED)


@dataclass(frozen=True, slots=True)
class Training:
    """A training that was asked for; ``ended_at`` is in seconds since the epoch.

    ``stage`` is what is being done, ``share`` of it is done; ``came_of_it`` is what the job returned.
    """

    id: str
    status: str
    is_under_way: bool
    ended_at: float | None = None
    stage: str = ""
    share: float | None = None
    came_of_it: Mapping[str, Any] = field(default_factory=dict)


class Trainings:
    """The queue of trainings in one Redis database. Methods raise redis.RedisError while Redis is away."""

    def __init__(self, url: str) -> None:
        # RQ reads bytes.
        self._client = Redis.from_url(url, socket_timeout=10, socket_connect_timeout=2)
        self._queue = Queue(TRAINING_QUEUE, connection=self._client, serializer=JSONSerializer)

    def ask(self, model: str, arguments: Mapping[str, Any]) -> str | None:
        """Have a model trained; return the job's id, None if a training of it is under way."""
        return self._enqueue(f"retraining-{model}", TRAIN, {**arguments, "model": model}, "training")

    def roll_back(self, model: str, version: str, why: str) -> str | None:
        """Have a version taken back if it still serves; None if that was asked for already."""
        arguments = {"model": model, "version": version, "why": why}
        id = f"rollback-{model}-{version}"
        return None if self.last(id) else self._enqueue(id, ROLL_BACK, arguments, "rollback")

    def last(self, id: str) -> Training | None:
        """Return a job by its id; None if nobody asked for it lately."""
        try:
            job = Job.fetch(id, connection=self._client, serializer=JSONSerializer)
        except NoSuchJobError:
            return None
        status = job.get_status(refresh=False)
        return Training(
            id=id,
            status=status.value,
            is_under_way=status in UNDER_WAY,
            ended_at=job.ended_at.timestamp() if job.ended_at else None,
            stage=job.meta.get("stage") or "",
            share=job.meta.get("share"),
            came_of_it=(job.return_value() or {}) if status is JobStatus.FINISHED else {},
        )

    def under_way(self) -> list[Training]:
        """Return what runs and what waits, whoever asked for it."""
        registry = self._queue.started_job_registry
        found = (self.last(id) for id in (*registry.get_job_ids(cleanup=False), *self._queue.job_ids))
        return [one for one in found if one]

    def of(self, model: str) -> Training | None:
        """Return the last training of a model."""
        return self.last(f"retraining-{model}")

    def cancel(self, model: str) -> bool:
        """End the training of a model, waiting or running; return whether there was one."""
        training = self.of(model)
        if not training or not training.is_under_way:
            return False
        job = Job.fetch(training.id, connection=self._client, serializer=JSONSerializer)
        if job.get_status() == JobStatus.STARTED:
            # RQ's worker kills the process that trains, and writes down that it was stopped.
            send_stop_job_command(self._client, training.id, serializer=JSONSerializer)
        else:
            job.cancel()
        return True

    def close(self) -> None:
        """Let go of Redis."""
        self._client.close()

    def _enqueue(self, id: str, function: str, arguments: Mapping[str, Any], description: str) -> str | None:
        last = self.last(id)
        if last and last.is_under_way:
            return None
        if last:
            Job.fetch(id, connection=self._client, serializer=JSONSerializer).delete()
        try:
            self._queue.enqueue(
                function,
                dict(arguments),
                job_id=id,
                unique=True,
                description=description,
                # The version in trouble serves until this runs.
                at_front=function == ROLL_BACK,
                job_timeout=int(TIMEOUT.total_seconds()),
                result_ttl=int(KEPT.total_seconds()),
                failure_ttl=int(KEPT.total_seconds()),
            )
        except DuplicateJobError:
            # Somebody else asked between the two calls.
            return None
        return id
