"""What the history keeps of an event. Pure: events in, rows out.

A row takes only what is named here. In particular it leaves out ``output``'s explanation, which holds
words of the text.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from contract.alerts import Alert
from contract.events import Event, EventType
from monitoring.errors import MalformedEvent
from monitoring.window import EntryId

ENDS = (EventType.PREDICTION_SUCCEEDED, EventType.PREDICTION_FAILED, EventType.PREDICTION_CANCELED)
ALERTS = (EventType.ALERT_FIRED, EventType.ALERT_RESOLVED, EventType.ALERT_ACKNOWLEDGED)

#: Column to value. The columns are those of ``monitoring.history.tables``.
Row = dict[str, Any]


@dataclass(slots=True)
class Rows:
    """What a batch of events adds to each table, in the order of the events."""

    predictions: list[Row] = field(default_factory=list)
    feedback: list[Row] = field(default_factory=list)
    alerts: list[Row] = field(default_factory=list)
    #: ``id`` and ``text`` of predictions that were kept without one, and judged since.
    texts: list[Row] = field(default_factory=list)
    #: Entry and reason of those that could not be read.
    malformed: list[tuple[str, str]] = field(default_factory=list)


def rows(events: Iterable[Event]) -> Rows:
    """Sort events by table; those that no table wants are left out."""
    found = Rows()
    for event in events:
        try:
            if event.type in ENDS:
                found.predictions.append(prediction(event))
            elif event.type == EventType.PREDICTION_FEEDBACK:
                found.feedback.append(feedback(event))
            elif event.type in ALERTS:
                found.alerts.append(alert(event))
        except MalformedEvent as error:
            found.malformed.append((event.entry, str(error)))
    return found


def prediction(event: Event) -> Row:
    """Return the row of a prediction that ended.

    Raises:
        MalformedEvent: it lacks a field, or holds it in an unreadable form.
    """
    fields = event.fields
    try:
        scores = _scores(fields.get("output", ""))
        label = fields.get("label", "")
        return {
            "id": fields["id"],
            "at_ms": EntryId.parse(event.entry).ms,
            "model": fields["model"],
            "version": fields.get("version", ""),
            "owner": fields.get("owner", ""),
            "status": fields["status"],
            "error_code": fields.get("error_code", ""),
            "label": label,
            "score": scores.get(label),
            "scores": json.dumps(scores, separators=(",", ":")) if scores else None,
            "latency_s": float(fields["completed_at"]) - float(fields["created_at"]),
            "inference_s": float(fields["inference_s"]) if fields.get("inference_s") else None,
            "size": int(fields["size"]) if fields.get("size") else None,
            "is_truncated": fields.get("is_truncated") == "1",
            "text": None,
            "batch": fields.get("batch", ""),
        }
    except KeyError as error:
        raise MalformedEvent(f"the field {error} is missing") from error
    except (ValueError, TypeError, AttributeError) as error:
        # No word of what was found: it may be a word of the text.
        raise MalformedEvent(f"a field is unreadable ({type(error).__name__})") from error


def feedback(event: Event) -> Row:
    """Return the row of what somebody says that a text really is.

    Raises:
        MalformedEvent: it lacks a field.
    """
    fields = event.fields
    try:
        return {
            "id": fields["id"],
            "at_ms": EntryId.parse(event.entry).ms,
            "model": fields["model"],
            "version": fields.get("version", ""),
            "owner": fields.get("owner", ""),
            "label": fields["label"],
            "truth": fields["truth"],
            "source": fields.get("source", ""),
        }
    except KeyError as error:
        raise MalformedEvent(f"the field {error} is missing") from error


def alert(event: Event) -> Row:
    """Return the row of an alert.

    Raises:
        MalformedEvent: it lacks a field, or holds it in an unreadable form.
    """
    try:
        told = Alert.from_hash(event.fields)
    except (KeyError, ValueError) as error:
        raise MalformedEvent("the alert is incomplete") from error
    return {
        "id": told.id,
        "rule": told.rule,
        "subject": told.subject,
        "severity": told.severity,
        "summary": told.summary,
        "count": told.count,
        "threshold": told.threshold,
        "window_s": told.window_s,
        "fired_ms": round(told.fired_at * 1000),
        "resolved_ms": _ms(told.resolved_at),
        "acknowledged_ms": _ms(told.acknowledged_at),
        "acknowledged_by": told.acknowledged_by or None,
    }


def _ms(at: float | None) -> int | None:
    return None if at is None else round(at * 1000)


def _scores(output: str) -> dict[str, float]:
    """Return the scores in an answer, rounded: six digits are more than any model means."""
    if not output:
        return {}
    return {str(one["label"]): round(float(one["score"]), 6) for one in json.loads(output).get("scores", ())}
