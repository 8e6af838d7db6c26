"""What a rule can be told, and what it finds.

A finding is what one rule says of one subject at one time. Whether it is news is not the rule's business: see
``monitoring.rules.life``.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Severity(StrEnum):
    """How soon somebody should look."""

    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule's settings.

    Args:
        threshold: what must not be exceeded, in the rule's own unit.
        window: what is looked at; zero where only the present counts.
        hold_off: a condition must last this long before an alert fires, and be gone this long before it ends.
        minimum: fewer observations than this prove nothing.
    """

    name: str
    threshold: float
    window: timedelta
    hold_off: timedelta
    severity: Severity
    minimum: int = 1


@dataclass(frozen=True, slots=True)
class Finding:
    """The figure that a rule judged, of one subject, and whether it is beyond the threshold."""

    rule: Rule
    subject: str
    figure: float
    is_broken: bool
    summary: str
