"""Alerts in Redis: written once, with their event, and read back.

Knows how an alert lies in Redis; does not know when one is due, or who is told about it.
"""

from importlib.resources import files
from typing import cast

import redis

from contract import keys
from contract.alerts import Alert
from contract.events import EVENTS_KEPT, EventType
from contract.scripts import ACKNOWLEDGE, OUTBOX
from monitoring import events

#: Alerts kept in Redis, the newest by the time they fired.
ALERTS_KEPT = 1_000
#: Hash: the second (Redis clock) until which a rule, or ``RULE SUBJECT``, is silenced.
SILENCES = "barometer:monitoring:silences"


class AlertBook:
    """The alerts in one Redis database."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        script = files("monitoring").joinpath("lua/record_alert.lua").read_text(encoding="utf-8")
        self._record = client.register_script(OUTBOX + script)
        self._acknowledge = client.register_script(ACKNOWLEDGE)

    def record(self, alert: Alert) -> bool:
        """Write an alert that fired, or resolved if ``resolved_at`` is set; return whether it was news.

        Hash, list, event and outbox entries are written in one call, and an alert that is known (or resolved)
        already is left alone: after any failure it is safe to write it again.
        """
        type = EventType.ALERT_FIRED if alert.resolved_at is None else EventType.ALERT_RESOLVED
        fields = [part for pair in alert.to_hash().items() for part in pair]
        written = self._record(
            keys=[keys.alert(alert.id), keys.ALERTS, keys.EVENTS, SILENCES],
            args=[
                type, alert.id, repr(alert.fired_at), ALERTS_KEPT, EVENTS_KEPT, keys.alert(""),
                keys.EVERYBODY, alert.rule, _place(alert.rule, alert.subject), *fields,
            ],
        )  # fmt: skip
        return bool(written)

    def get(self, id: str) -> Alert | None:
        """Return one alert, None if it is not kept."""
        fields = cast("dict[str, str]", self._client.hgetall(keys.alert(id)))
        return Alert.from_hash(fields) if fields else None

    def newest(self, count: int = ALERTS_KEPT) -> list[Alert]:
        """Return the alerts that fired last, newest first."""
        ids = cast("list[str]", self._client.zrange(keys.ALERTS, 0, count - 1, desc=True))
        with self._client.pipeline(transaction=False) as pipe:
            for id in ids:
                pipe.hgetall(keys.alert(id))
            return [Alert.from_hash(fields) for fields in pipe.execute() if fields]

    def acknowledge(self, id: str, by: str) -> bool | None:
        """Write down who has taken on an alert; return whether it is the first, None for an unknown alert."""
        done = self._acknowledge(keys=[keys.alert(id), keys.EVENTS], args=[by, EVENTS_KEPT])
        return None if done < 0 else bool(done)

    def silence(self, rule: str, subject: str, for_s: float) -> float:
        """Tell nobody of what a rule fires, of one subject or of all (``""``); return until when."""
        until = events.now_ms(self._client) / 1000 + for_s
        self._client.hset(SILENCES, _place(rule, subject), f"{until:.3f}")
        return until

    def silences(self) -> dict[str, float]:
        """Return what is silenced, and until when; those that are over are forgotten."""
        now = events.now_ms(self._client) / 1000
        found = cast("dict[str, str]", self._client.hgetall(SILENCES))
        if over := [place for place, until in found.items() if float(until) <= now]:
            self._client.hdel(SILENCES, *over)
        return {place: float(until) for place, until in found.items() if float(until) > now}


def _place(rule: str, subject: str) -> str:
    return f"{rule} {subject}" if subject else rule
