"""Alerts in Redis: written once, with their event, and read back.

Knows how an alert lies in Redis; does not know when one is due, or who is told about it.
"""

from importlib.resources import files
from typing import cast

import redis

from contract import keys
from contract.alerts import Alert
from contract.events import EVENTS_KEPT, EventType
from contract.scripts import OUTBOX

#: Alerts kept in Redis, the newest by the time they fired.
ALERTS_KEPT = 1_000


class AlertBook:
    """The alerts in one Redis database."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        script = files("monitoring").joinpath("lua/record_alert.lua").read_text(encoding="utf-8")
        self._record = client.register_script(OUTBOX + script)

    def record(self, alert: Alert) -> bool:
        """Write an alert that fired, or resolved if ``resolved_at`` is set; return whether it was news.

        Hash, list, event and outbox entries are written in one call, and an alert that is known (or resolved)
        already is left alone: after any failure it is safe to write it again.
        """
        type = EventType.ALERT_FIRED if alert.resolved_at is None else EventType.ALERT_RESOLVED
        fields = [part for pair in alert.to_hash().items() for part in pair]
        written = self._record(
            keys=[keys.alert(alert.id), keys.ALERTS, keys.EVENTS],
            args=[
                type, alert.id, repr(alert.fired_at), ALERTS_KEPT, EVENTS_KEPT, keys.alert(""),
                keys.EVERYBODY, *fields,
            ],
        )  # fmt: skip
        return bool(written)

    def newest(self, count: int = ALERTS_KEPT) -> list[Alert]:
        """Return the alerts that fired last, newest first."""
        ids = cast("list[str]", self._client.zrange(keys.ALERTS, 0, count - 1, desc=True))
        with self._client.pipeline(transaction=False) as pipe:
            for id in ids:
                pipe.hgetall(keys.alert(id))
            return [Alert.from_hash(fields) for fields in pipe.execute() if fields]
