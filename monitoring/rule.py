"""The rule "too many negative results": one exact window for each subject, and the alerts they make.

Pure: negatives in, alerts out. It knows how an alert is named and worded; it does not know where alerts or
events lie. A subject is a model; if asked for, also one key's part of it (``MODEL:KEY``; MLflow allows no
colon in a model's name), and all models together (``*``).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from heapq import nlargest

from contract.alerts import Alert
from contract.overview import TIMES, WINDOWS
from monitoring.recent import Recent, Standings
from monitoring.window import EntryId, Fired, Resolved, Window

NAME = "negatives"
SEVERITY = "warning"
ALL = "*"


class By(StrEnum):
    """What has a window of its own."""

    MODEL = "model"
    KEY = "key"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Negative:
    """One negative result, by the stream entry that reports it. ``owner`` is the key that sent the text."""

    entry: EntryId
    model: str
    owner: str = ""

    def subjects(self, by: Collection[By]) -> list[str]:
        """Return whose windows it is counted in."""
        found = [self.model] if By.MODEL in by else []
        if By.KEY in by and self.owner:
            found.append(f"{self.model}:{self.owner}")
        return [*found, ALL] if By.ALL in by else found


@dataclass(frozen=True, slots=True)
class Origin:
    """The subject of an alert, and the entry that fired it."""

    subject: str
    entry: EntryId


def alert_id(subject: str, entry: EntryId) -> str:
    """Return the id of the alert that this entry fires: the same whenever the stream is read again."""
    return f"{NAME}-{subject}-{entry}"


def origin(alert: Alert) -> Origin:
    """Return what an alert of this rule was fired by, from its id."""
    subject, ms, seq = alert.id.removeprefix(f"{NAME}-").rsplit("-", 2)
    return Origin(subject, EntryId(int(ms), int(seq)))


class NegativesRule:
    """Alerts from negatives. Those returned have just fired or, with ``resolved_at``, just ended."""

    def __init__(
        self,
        limit: int,
        span: timedelta,
        past: Iterable[Negative] = (),
        open_alerts: Iterable[Alert] = (),
        by: Collection[By] = (By.MODEL,),
    ) -> None:
        self._limit = limit
        self._span = span
        self._by = by
        self._open: dict[str, Alert] = {origin(alert).subject: alert for alert in open_alerts}
        seen: dict[str, list[EntryId]] = {subject: [] for subject in self._open}
        for negative in past:
            for subject in negative.subjects(by):
                seen.setdefault(subject, []).append(negative.entry)
        self._windows = {subject: self._restored(subject, entries) for subject, entries in seen.items()}
        self._recent: dict[str, Recent] = {}
        for subject, entries in seen.items():
            for entry in entries:
                self._remember(subject, entry)

    def update(self, negative: Negative) -> list[Alert]:
        """Count one negative result; return the alerts it ended or fired, in order."""
        changed = []
        for subject in negative.subjects(self._by):
            self._remember(subject, negative.entry)
            changes = self._window(subject).update(negative.entry)
            changed += [self._alert(subject, change) for change in changes]
        return changed

    def advance(self, now_ms: int) -> list[Alert]:
        """Let time pass; return the alerts that ended. Subjects without recent negatives are forgotten."""
        changes = [(subject, window.advance(now_ms)) for subject, window in self._windows.items()]
        self._windows = {s: window for s, window in self._windows.items() if not window.is_idle(now_ms)}
        return [self._alert(subject, change) for subject, change in changes if change]

    def standings(self, now_ms: int) -> Standings:
        """Return the fullest windows that end now; subjects without recent negatives are forgotten."""
        counts = {subject: recent.count(now_ms) for subject, recent in self._recent.items()}
        self._recent = {subject: self._recent[subject] for subject, count in counts.items() if count}
        fullest = nlargest(WINDOWS, self._recent, key=counts.__getitem__)
        return Standings(
            now_ms, tuple(self._recent[subject].standing(subject, now_ms, TIMES) for subject in fullest)
        )

    def _remember(self, subject: str, entry: EntryId) -> None:
        span_ms = self._span // timedelta(milliseconds=1)
        self._recent.setdefault(subject, Recent(span_ms)).add(entry.ms)

    def _window(self, subject: str) -> Window:
        return self._windows.setdefault(subject, Window(self._limit, self._span))

    def _restored(self, subject: str, entries: Iterable[EntryId]) -> Window:
        alert = self._open.get(subject)
        return Window(self._limit, self._span, entries, origin(alert).entry if alert else None)

    def _alert(self, subject: str, change: Fired | Resolved) -> Alert:
        if isinstance(change, Resolved):
            return replace(self._open.pop(subject), resolved_at=change.at_ms / 1000)
        span_s = self._span.total_seconds()
        of = f"within {span_s:g} s (limit {self._limit})"
        alert = Alert(
            id=alert_id(subject, change.entry),
            rule=NAME,
            severity=SEVERITY,
            summary=f"{change.count} negative results of {_words(subject)} {of}",
            count=change.count,
            threshold=self._limit,
            window_s=span_s,
            fired_at=change.at_ms / 1000,
            subject=subject,
        )
        self._open[subject] = alert
        return alert


def _words(subject: str) -> str:
    model, _, owner = subject.partition(":")
    return "all models" if model == ALL else f"{model} for key {owner}" if owner else model


def counts(negatives: Iterable[Negative]) -> Mapping[str, int]:
    """Return how many negatives each model has."""
    totals: dict[str, int] = {}
    for negative in negatives:
        totals[negative.model] = totals.get(negative.model, 0) + 1
    return totals
