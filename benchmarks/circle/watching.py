"""What happens in the service meanwhile: alerts and versions from its events, trainings from RQ's job."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import redis
from rq.exceptions import NoSuchJobError
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer

from contract import keys
from contract.events import EventType
from contract.registry import DEFAULT_MODEL

LOOK_EVERY_S = 0.25
JOB = f"retraining-{DEFAULT_MODEL}"


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened: when, what, and to whom: a rule, a version, the gate's word."""

    at: float
    what: str
    whom: str


class Watcher:
    """Collects moments, in the order in which they are seen."""

    def __init__(self, url: str) -> None:
        self.moments: list[Moment] = []
        #: What came of each training, oldest first.
        self.results: list[dict[str, Any]] = []
        self._events = redis.Redis.from_url(url, decode_responses=True)
        # RQ reads bytes.
        self._jobs = redis.Redis.from_url(url)
        self._last = "0-0"
        self._seen: set[tuple[str, str]] = set()
        self._stop = threading.Event()

    def of(self, what: str, whom: str = "") -> list[Moment]:
        """Return the moments of a kind."""
        return [one for one in self.moments if one.what == what and whom in ("", one.whom)]

    def open_alerts(self) -> set[str]:
        """Return the rules that have fired and not ended."""
        return {
            one.whom
            for one in self.of("fired")
            if len(self.of("fired", one.whom)) > len(self.of("resolved", one.whom))
        }

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch during the block."""
        thread = threading.Thread(target=self._watch)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()
            self._events.close()
            self._jobs.close()

    def _watch(self) -> None:
        while not self._stop.wait(LOOK_EVERY_S):
            self._read_events()
            self._read_job()

    def _read_events(self) -> None:
        for entry, fields in self._events.xrange(keys.EVENTS, f"({self._last}"):
            self._last = entry
            at = int(entry.partition("-")[0]) / 1000
            if fields["type"] in (EventType.ALERT_FIRED, EventType.ALERT_RESOLVED):
                self.moments.append(Moment(at, fields["type"].partition(".")[2], fields["rule"]))
            elif fields["type"] == EventType.MODEL_SERVING:
                self.moments.append(Moment(at, "serving", fields["version"]))

    def _read_job(self) -> None:
        try:
            job = Job.fetch(JOB, connection=self._jobs, serializer=JSONSerializer)
        except NoSuchJobError:
            return
        for what, at in (("asked", job.enqueued_at), ("started", job.started_at)):
            if at:
                self._once(Moment(at.timestamp(), what, job.id))
        if job.get_status(refresh=False) in (JobStatus.FINISHED, JobStatus.FAILED) and job.ended_at:
            result = job.return_value() or {"gate": "failed", "reasons": [], "version": ""}
            if self._once(Moment(job.ended_at.timestamp(), result["gate"], result["version"])):
                self.results.append(result)

    def _once(self, moment: Moment) -> bool:
        """Keep a moment if it is new: a job is looked at again and again."""
        name = (moment.what, f"{moment.at:.3f}")
        if name in self._seen:
            return False
        self._seen.add(name)
        self.moments.append(moment)
        return True
