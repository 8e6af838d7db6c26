"""What happened, in order: entries of the Redis stream ``keys.EVENTS``.

A prediction's event is written by the same Lua call that makes its state terminal, so there is
exactly one. The entry id is ``milliseconds-sequence`` by Redis' clock, never decreasing: it is the
time of the event. No event holds a user's text.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self


class EventType(StrEnum):
    """Names as webhook receivers see them."""

    PREDICTION_SUCCEEDED = "prediction.succeeded"
    PREDICTION_FAILED = "prediction.failed"
    PREDICTION_CANCELED = "prediction.canceled"
    PREDICTION_FEEDBACK = "prediction.feedback"
    BATCH_COMPLETED = "batch.completed"
    ALERT_FIRED = "alert.fired"
    ALERT_RESOLVED = "alert.resolved"
    ALERT_ACKNOWLEDGED = "alert.acknowledged"
    MODEL_REFUSED = "model.refused"
    MODEL_SERVING = "model.serving"
    MODEL_SHADOWED = "model.shadowed"


#: Entries kept, approximately. At 400 bytes each this is 80 MB; at 300 predictions a second, eleven minutes.
EVENTS_KEPT = 200_000


@dataclass(frozen=True, slots=True)
class Event:
    """One entry.

    ``fields`` of a prediction event are those of its record, less the input, plus ``id``, ``label`` when it
    succeeded, and ``webhook`` = "1" when a receiver waits; of feedback, ``id``, ``model``, ``version``,
    ``label`` as predicted, ``truth``, ``owner`` and ``source``; of an alert event, those of
    ``contract.alerts``; of a model event, ``model``, ``version``, ``worker``, and ``reason``: a word why it
    was refused. A worker tells each refusal, and that it serves what the alias points to; perhaps twice.
    ``model.shadowed`` sums up the last seconds of a challenger (``version``) beside a ``champion``:
    ``compared``, ``agreed``, ``errors``, ``labels`` (JSON: counts of both by label), ``apart`` (mean absolute
    difference of the probability of the champion's label), ``champion_p50_s``, ``champion_p95_s``,
    ``challenger_p50_s``, ``challenger_p95_s``, and a ``reason`` when the worker has given the challenger up.
    """

    entry: str
    type: str
    fields: Mapping[str, str]

    @property
    def at(self) -> float:
        """Seconds since the epoch, by Redis' clock."""
        return int(self.entry.partition("-")[0]) / 1000

    @classmethod
    def from_entry(cls, entry: str, fields: Mapping[str, Any]) -> Self:
        """Read one entry as redis-py returns it (decoded). A type unknown here is kept as it is."""
        return cls(entry, fields["type"], fields)
