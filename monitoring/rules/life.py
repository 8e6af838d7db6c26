"""The life of an alert on a condition: it fires once, holds on, and ends once.

Pure: findings and the time in, alerts out. A condition that flickers faster than the rule's hold-off neither
fires nor ends anything.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import quote

from contract.alerts import Alert
from monitoring.rules.rule import Finding

#: Rule and subject.
Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Run:
    """How a condition has been without a break, and since when."""

    is_broken: bool
    since_ms: int


class Life:
    """Alerts from findings. ``open_alerts`` are those that were open when the last findings were judged."""

    def __init__(self, open_alerts: Iterable[Alert] = ()) -> None:
        self._open: dict[Place, Alert] = {(alert.rule, alert.subject): alert for alert in open_alerts}
        self._runs: dict[Place, _Run] = {}

    @property
    def subjects(self) -> set[Place]:
        """What has an open alert, and so must be judged again."""
        return set(self._open)

    def observe(self, findings: Iterable[Finding], now_ms: int) -> None:
        """Take in findings of a time that has been judged before: nothing fires and nothing ends."""
        for finding in findings:
            self._run(finding, now_ms)

    def update(self, findings: Iterable[Finding], now_ms: int) -> list[Alert]:
        """Judge findings; return the alerts that fired and, with ``resolved_at``, those that ended."""
        changes = (self._judge(finding, self._run(finding, now_ms), now_ms) for finding in findings)
        return [change for change in changes if change]

    def _run(self, finding: Finding, now_ms: int) -> _Run:
        place = (finding.rule.name, finding.subject)
        run = self._runs.get(place)
        if run is None or run.is_broken != finding.is_broken:
            run = self._runs[place] = _Run(finding.is_broken, now_ms)
        return run

    def _judge(self, finding: Finding, run: _Run, now_ms: int) -> Alert | None:
        place = (finding.rule.name, finding.subject)
        has_lasted = now_ms - run.since_ms >= finding.rule.hold_off // timedelta(milliseconds=1)
        if not has_lasted or finding.is_broken == (place in self._open):
            return None
        if not finding.is_broken:
            return replace(self._open.pop(place), resolved_at=now_ms / 1000)
        self._open[place] = _alert(finding, now_ms)
        return self._open[place]


def _alert(finding: Finding, now_ms: int) -> Alert:
    rule = finding.rule
    return Alert(
        id=f"{rule.name}-{quote(finding.subject, safe='')}-{now_ms}",
        rule=rule.name,
        severity=rule.severity,
        summary=finding.summary,
        count=finding.figure,
        threshold=rule.threshold,
        window_s=rule.window.total_seconds(),
        fired_at=now_ms / 1000,
        subject=finding.subject,
    )
