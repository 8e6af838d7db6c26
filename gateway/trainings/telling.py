"""What became of a job on the trainer's queue, in a word and a sentence. Pure."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """Names as clients see them."""

    QUEUED = "queued"
    STARTED = "started"
    FINISHED = "finished"
    REFUSED = "refused"
    FAILED = "failed"
    CANCELED = "canceled"


#: RQ's words; one that it may have some day is taken for a failure.
_RQ = {
    "created": Status.QUEUED,
    "queued": Status.QUEUED,
    "deferred": Status.QUEUED,
    "scheduled": Status.QUEUED,
    "started": Status.STARTED,
    "finished": Status.FINISHED,
    "stopped": Status.CANCELED,
    "canceled": Status.CANCELED,
}
_SAID = {
    Status.QUEUED: "It waits for the trainer, which does one thing at a time.",
    Status.STARTED: "The trainer is at it.",
    Status.FAILED: "It failed; the trainer's log says why.",
    Status.CANCELED: "Somebody ended it.",
}


def status_of(rq: str, result: Mapping[str, Any]) -> Status:
    """Return the status for RQ's word and what the job returned."""
    status = _RQ.get(rq, Status.FAILED)
    return Status.REFUSED if status is Status.FINISHED and result.get("refused") else status


def said(status: Status, result: Mapping[str, Any]) -> str:
    """Return a sentence on it."""
    if status is Status.REFUSED:
        return f"It was refused: {result['refused']}."
    if status is not Status.FINISHED:
        return _SAID[status]
    if result.get("entered"):
        before = f", and version {result['left']} no longer" if result.get("left") else ""
        return f"Version {result['entered']} is the champion now{before}: workers change over without a stop."
    if "entered" in result:
        return "Nothing had to be changed: it was so already."
    if "gate" in result:
        serves = "it serves" if result.get("promoted") else "the champion stays"
        return f"Version {result.get('version')} was trained and {result['gate']} by the gate; {serves}."
    return "It is done."
