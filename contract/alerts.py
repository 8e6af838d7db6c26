"""An alert as it lies in Redis and crosses to the gateway: a flat hash of strings at ``keys.alert(id)``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from contract import WIRE_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert, from fired to resolved. Times are seconds since the epoch, by Redis' clock.

    ``id`` is made of the rule and the event that fired it, so the same event never fires twice. ``count`` is
    the figure that was judged against ``threshold``; the rule says what it measures. ``subject`` is what it
    is about: a model, a model and a key, a folder. Whoever acknowledges an alert takes it on, which ends
    nothing. A silence is for a while and for alerts that fire meanwhile: they are kept, and nobody is told.
    """

    id: str
    rule: str
    severity: str
    summary: str
    count: float
    threshold: float
    window_s: float
    fired_at: float
    resolved_at: float | None = None
    subject: str = ""
    acknowledged_at: float | None = None
    acknowledged_by: str = ""
    silenced_until: float | None = None

    def to_hash(self) -> dict[str, str]:
        """Return the fields as Redis holds them."""
        fields = {
            "v": str(WIRE_VERSION),
            "id": self.id,
            "rule": self.rule,
            "severity": self.severity,
            "summary": self.summary,
            "count": f"{self.count:.6g}",
            "threshold": f"{self.threshold:.6g}",
            "window_s": repr(self.window_s),
            "fired_at": repr(self.fired_at),
            "subject": self.subject,
        }
        # Only what is known: these are written over those that Redis has.
        times = {
            "resolved_at": self.resolved_at,
            "acknowledged_at": self.acknowledged_at,
            "silenced_until": self.silenced_until,
        }
        fields |= {name: repr(at) for name, at in times.items() if at is not None}
        return fields | ({"acknowledged_by": self.acknowledged_by} if self.acknowledged_by else {})

    @classmethod
    def from_hash(cls, fields: Mapping[str, str]) -> Self:
        """Read the hash; fields it does not know are ignored."""
        return cls(
            id=fields["id"],
            rule=fields["rule"],
            severity=fields["severity"],
            summary=fields["summary"],
            count=_number(fields["count"]),
            threshold=_number(fields["threshold"]),
            window_s=float(fields["window_s"]),
            fired_at=float(fields["fired_at"]),
            resolved_at=_time(fields, "resolved_at"),
            subject=fields.get("subject", ""),
            acknowledged_at=_time(fields, "acknowledged_at"),
            acknowledged_by=fields.get("acknowledged_by", ""),
            silenced_until=_time(fields, "silenced_until"),
        )


def _number(text: str) -> float:
    """Return a count as a whole number: clients see ``4``, not ``4.0``."""
    number = float(text)
    return int(number) if number.is_integer() else number


def _time(fields: Mapping[str, str], name: str) -> float | None:
    found = fields.get(name)
    return float(found) if found else None
