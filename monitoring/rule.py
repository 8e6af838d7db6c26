"""The rule "too many negative results": one exact window for each model, and the alerts they make.

Pure: negatives in, alerts out. It knows how an alert is named and worded; it does not know where
alerts or events lie.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from contract.alerts import Alert
from monitoring.window import EntryId, Fired, Resolved, Window

NAME = "negatives"
SEVERITY = "warning"


@dataclass(frozen=True, slots=True)
class Negative:
    """One negative result, by the stream entry that reports it."""

    entry: EntryId
    model: str


def alert_id(model: str, entry: EntryId) -> str:
    """Return the id of the alert that this entry fires: the same whenever the stream is read again."""
    return f"{NAME}-{model}-{entry}"


def origin(alert: Alert) -> Negative:
    """Return the model and the entry that an alert of this rule was fired by, from its id."""
    model, ms, seq = alert.id.removeprefix(f"{NAME}-").rsplit("-", 2)
    return Negative(EntryId(int(ms), int(seq)), model)


class NegativesRule:
    """Alerts from negatives. Those returned have just fired or, with ``resolved_at``, just ended."""

    def __init__(
        self, limit: int, span: timedelta, past: Iterable[Negative] = (), open_alerts: Iterable[Alert] = ()
    ) -> None:
        self._limit = limit
        self._span = span
        self._open: dict[str, Alert] = {origin(alert).model: alert for alert in open_alerts}
        seen: dict[str, list[EntryId]] = {model: [] for model in self._open}
        for negative in past:
            seen.setdefault(negative.model, []).append(negative.entry)
        self._windows = {model: self._restored(model, entries) for model, entries in seen.items()}

    def update(self, negative: Negative) -> list[Alert]:
        """Count one negative result; return the alerts it ended or fired, in order."""
        window = self._windows.setdefault(negative.model, Window(self._limit, self._span))
        return [self._alert(negative.model, change) for change in window.update(negative.entry)]

    def advance(self, now_ms: int) -> list[Alert]:
        """Let time pass; return the alerts that ended. Models without recent negatives are forgotten."""
        changes = [(model, window.advance(now_ms)) for model, window in self._windows.items()]
        self._windows = {m: window for m, window in self._windows.items() if not window.is_idle(now_ms)}
        return [self._alert(model, change) for model, change in changes if change]

    def _restored(self, model: str, entries: Iterable[EntryId]) -> Window:
        alert = self._open.get(model)
        return Window(self._limit, self._span, entries, origin(alert).entry if alert else None)

    def _alert(self, model: str, change: Fired | Resolved) -> Alert:
        if isinstance(change, Resolved):
            return replace(self._open.pop(model), resolved_at=change.at_ms / 1000)
        span_s = self._span.total_seconds()
        alert = Alert(
            id=alert_id(model, change.entry),
            rule=NAME,
            severity=SEVERITY,
            summary=f"{change.count} negative results of {model} within {span_s:g} s (limit {self._limit})",
            count=change.count,
            threshold=self._limit,
            window_s=span_s,
            fired_at=change.at_ms / 1000,
        )
        self._open[model] = alert
        return alert


def counts(negatives: Iterable[Negative]) -> Mapping[str, int]:
    """Return how many negatives each model has."""
    totals: dict[str, int] = {}
    for negative in negatives:
        totals[negative.model] = totals.get(negative.model, 0) + 1
    return totals
