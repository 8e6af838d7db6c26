"""All rules on the stream of events, as one: events in, alerts out. Pure.

Judging the same events from the same point on gives the same alerts with the same ids, which is what lets a
restart, or a replay of a whole day, find what was found before.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from contract.alerts import Alert
from contract.events import Event
from monitoring import events, refusals, rule
from monitoring.recent import Standings
from monitoring.refusals import RefusalsRule
from monitoring.rule import By, Negative, NegativesRule
from monitoring.rules.life import Life
from monitoring.rules.rates import Rates, memory
from monitoring.rules.rule import Rule
from monitoring.window import EntryId


@dataclass(frozen=True, slots=True)
class Rules:
    """Settings of the rules on events. ``limit`` negatives within ``span`` are still fine."""

    limit: int
    span: timedelta
    errors: Rule
    latency: Rule
    by: Collection[By] = (By.MODEL,)

    @property
    def memory(self) -> timedelta:
        """How much of the past decides what comes next."""
        return max(self.span, memory((self.errors, self.latency)))


class Judge:
    """The rules on events, taken up at a cursor: ``past`` are the events of ``Rules.memory`` before it.

    ``book`` holds all alerts that are known; those that were open at the cursor are taken over.
    """

    def __init__(self, rules: Rules, cursor: EntryId, past: Iterable[Event], book: Sequence[Alert]) -> None:
        self._rates = Rates(rules.errors, rules.latency)
        many = [a for a in book if a.rule == rule.NAME and _was_open(cursor, rule.origin(a).entry, a)]
        refused = [a for a in book if a.rule == refusals.NAME and refusals.is_open_at(cursor, a)]
        rates = [a for a in book if a.rule in self._rates.names and _is_rate_open(cursor, a)]
        self.taken_over = [alert.id for alert in (*many, *refused, *rates)]
        self._life = Life(rates)
        for alert in rates:
            self._rates.know(alert.rule, alert.subject)
        negatives = self._recall(past, EntryId(cursor.ms - rules.span // timedelta(milliseconds=1) + 1))
        self._negatives = NegativesRule(rules.limit, rules.span, negatives, many, rules.by)
        self._refusals = RefusalsRule(refused)

    def update(self, event: Event) -> list[Alert]:
        """Judge one event; return the alerts that it, or the time up to it, fired or ended.

        Raises:
            MalformedEvent: it lacks a field, or holds it in an unreadable form.
        """
        negative, told, end = events.negative(event), events.told(event), events.end(event)
        changed: list[Alert] = []
        if end:
            changed += self._steps(end.at_ms)
            self._rates.count(end)
        if negative:
            changed += self._negatives.update(negative)
        if told:
            changed += self._refusals.update(told)
        return changed

    def advance(self, now_ms: int) -> list[Alert]:
        """Let time pass, every earlier event having been judged; return the alerts that fired or ended."""
        return [*self._steps(now_ms), *self._negatives.advance(now_ms)]

    def standings(self, now_ms: int) -> Standings:
        """Return the windows of negative results that end now, for people to see."""
        return self._negatives.standings(now_ms)

    def _steps(self, now_ms: int) -> list[Alert]:
        return [
            alert
            for at_ms, findings in self._rates.advance(now_ms)
            for alert in self._life.update(findings, at_ms)
        ]

    def _recall(self, past: Iterable[Event], window_start: EntryId) -> list[Negative]:
        """Count what was judged before, silently; return the negatives from ``window_start`` on."""
        recent = []
        for event in events.wellformed(past):
            if end := events.end(event):
                for at_ms, findings in self._rates.advance(end.at_ms):
                    self._life.observe(findings, at_ms)
                self._rates.count(end)
            if (negative := events.negative(event)) and negative.entry >= window_start:
                recent.append(negative)
        return recent


def _was_open(cursor: EntryId, fired_by: EntryId, alert: Alert) -> bool:
    """Whether an alert had fired, and not yet ended, when the cursor's entry had been judged."""
    return fired_by <= cursor and (alert.resolved_at is None or round(alert.resolved_at * 1000) >= cursor.ms)


def _is_rate_open(cursor: EntryId, alert: Alert) -> bool:
    """The same of an alert that fires and ends at a step; a step at the cursor's time is yet to be judged."""
    return round(alert.fired_at * 1000) < cursor.ms and (
        alert.resolved_at is None or round(alert.resolved_at * 1000) >= cursor.ms
    )
