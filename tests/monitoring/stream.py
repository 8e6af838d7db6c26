"""Entries as workers write them, at exact times, and what lies in Redis afterwards."""

from collections.abc import Collection
from datetime import timedelta

import redis

from contract import keys
from contract.alerts import Alert
from monitoring.alerts import AlertBook
from monitoring.events import now_ms
from monitoring.judging import Rules
from monitoring.monitor import Monitor
from monitoring.rule import By
from monitoring.rules.rule import Rule, Severity
from monitoring.telemetry import NoTelemetry, Telemetry

SPAN = timedelta(minutes=5)
SPAN_MS = 300_000
ERRORS = Rule("error_rate", 0.05, SPAN, timedelta(minutes=1), Severity.WARNING, minimum=20)
LATENCY = Rule("latency", 5, SPAN, timedelta(minutes=1), Severity.WARNING, minimum=20)
#: A word that a user wrote; it must be seen nowhere.
CANARY = "quetzalcoatl"


def predict(
    client: redis.Redis,
    at_ms: int,
    seq: int = 0,
    *,
    label: str = "negative",
    model: str = "sentiment",
    **more: str,
) -> str:
    """Append the event of one succeeded prediction; return its entry id."""
    fields = {
        "v": "1", "type": "prediction.succeeded", "id": f"p{at_ms}-{seq}", "model": model,
        "created_at": f"{at_ms / 1000 - 1:.6f}", "started_at": f"{at_ms / 1000 - 0.5:.6f}", "attempts": "1",
        "completed_at": f"{at_ms / 1000:.6f}", "label": label, "status": "succeeded",
        "output": f'{{"label": "{label}", "explanation": [{{"token": "{CANARY}"}}]}}', "version": "3", **more,
    }  # fmt: skip
    return client.xadd(keys.EVENTS, fields, id=f"{at_ms}-{seq}")


def burst(client: redis.Redis, at_ms: int, count: int = 4, model: str = "sentiment") -> list[str]:
    """Append negatives one millisecond apart; return their entry ids."""
    return [predict(client, at_ms + i, model=model) for i in range(count)]


def minutes_ago(client: redis.Redis, minutes: float) -> int:
    """Milliseconds of the Redis clock."""
    return now_ms(client) - round(minutes * 60_000)


def monitor(
    client: redis.Redis,
    *,
    limit: int = 3,
    span: timedelta = SPAN,
    telemetry: Telemetry | None = None,
    by: Collection[By] = (By.MODEL,),
    targets: Collection[str] = (),
) -> Monitor:
    rules = Rules(limit, span, ERRORS, LATENCY, by)
    return Monitor(client, rules, telemetry or NoTelemetry(), targets)


def alerts(client: redis.Redis) -> list[Alert]:
    """All alerts, newest first."""
    return AlertBook(client).newest()


def alert_events(client: redis.Redis) -> list[tuple[str, str]]:
    """Type and id of the alert events in the stream, in order."""
    entries = client.xrange(keys.EVENTS)
    return [(f["type"], f["id"]) for _, f in entries if f["type"].startswith("alert.")]
