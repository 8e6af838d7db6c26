"""An alert as it lies in Redis and crosses to the gateway: a flat hash of strings at ``keys.alert(id)``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from contract import WIRE_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert, from fired to resolved. Times are seconds since the epoch, by Redis' clock.

    ``id`` is made of the rule and the event that fired it, so the same event never fires twice.
    """

    id: str
    rule: str
    severity: str
    summary: str
    count: int
    threshold: int
    window_s: float
    fired_at: float
    resolved_at: float | None = None

    def to_hash(self) -> dict[str, str]:
        """Return the fields as Redis holds them."""
        fields = {
            "v": str(WIRE_VERSION),
            "id": self.id,
            "rule": self.rule,
            "severity": self.severity,
            "summary": self.summary,
            "count": str(self.count),
            "threshold": str(self.threshold),
            "window_s": repr(self.window_s),
            "fired_at": repr(self.fired_at),
        }
        if self.resolved_at is not None:
            fields["resolved_at"] = repr(self.resolved_at)
        return fields

    @classmethod
    def from_hash(cls, fields: Mapping[str, str]) -> Self:
        """Read the hash; fields it does not know are ignored."""
        resolved_at = fields.get("resolved_at")
        return cls(
            id=fields["id"],
            rule=fields["rule"],
            severity=fields["severity"],
            summary=fields["summary"],
            count=int(fields["count"]),
            threshold=int(fields["threshold"]),
            window_s=float(fields["window_s"]),
            fired_at=float(fields["fired_at"]),
            resolved_at=float(resolved_at) if resolved_at else None,
        )
