"""How many of the recent predictions failed, and how many were slow. Pure: ends in, findings out.

Judged at multiples of ``STEP_MS`` of the events' own time, so whoever reads the same events again finds the
same alerts, at whatever pace. "The 95th percentile is above the threshold" and "more than 5 % took longer
than the threshold" say the same thing, and the second needs two counts where the first needs every latency.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from monitoring.rules.rule import Finding, Rule

STEP_MS = 10_000
#: The share of predictions that may be slower than the threshold on the 95th percentile.
SLOW_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class End:
    """One prediction that ended. ``latency_s`` is None for one that nobody waits for: a batch's row."""

    at_ms: int
    model: str
    has_failed: bool
    latency_s: float | None


@dataclass(slots=True)
class _Step:
    ends_ms: int
    seen: int = 0
    bad: int = 0


@dataclass(slots=True)
class _Sliding:
    """Counts of one model: by step, and their sum over the window."""

    steps: deque[_Step] = field(default_factory=deque)
    seen: int = 0
    bad: int = 0

    def add(self, step_ms: int, *, is_bad: bool) -> None:
        if not self.steps or self.steps[-1].ends_ms < step_ms:
            self.steps.append(_Step(step_ms))
        self.steps[-1].seen += 1
        self.steps[-1].bad += is_bad
        self.seen += 1
        self.bad += is_bad

    def leave(self, until_ms: int) -> None:
        while self.steps and self.steps[0].ends_ms <= until_ms:
            gone = self.steps.popleft()
            self.seen -= gone.seen
            self.bad -= gone.bad


class _Share:
    """One rule on the share of a model's predictions that are bad."""

    def __init__(self, rule: Rule, most: float, words: Callable[[Rule, str, _Sliding], str]) -> None:
        self._rule = rule
        self._most = most
        self._words = words
        # Models are few: one that fell silent stays, so that its alert can end.
        self._of: dict[str, _Sliding] = {}

    def know(self, model: str) -> _Sliding:
        return self._of.setdefault(model, _Sliding())

    def findings(self, at_ms: int) -> Iterator[Finding]:
        for model, counts in self._of.items():
            counts.leave(at_ms - self._rule.window // timedelta(milliseconds=1))
            share = counts.bad / counts.seen if counts.seen else 0.0
            is_broken = counts.seen >= self._rule.minimum and share > self._most
            yield Finding(self._rule, model, share, is_broken, self._words(self._rule, model, counts))


class Rates:
    """Error rate and latency of each model, over sliding windows."""

    def __init__(self, errors: Rule, latency: Rule) -> None:
        self.names = (errors.name, latency.name)
        self._slow_s = latency.threshold
        self._errors = _Share(errors, errors.threshold, _failed)
        self._latency = _Share(latency, SLOW_SHARE, _slow)
        self._next_ms: int | None = None

    def know(self, rule: str, model: str) -> None:
        """Judge a model although none of its predictions has been counted: it has an open alert."""
        (self._errors if rule == self.names[0] else self._latency).know(model)

    def advance(self, now_ms: int) -> Iterator[tuple[int, list[Finding]]]:
        """Yield each step that is over with its findings; every end before ``now_ms`` has been counted."""
        if self._next_ms is None:
            self._next_ms = _step(now_ms)
        # An end in a step's last millisecond belongs to it, and another may follow in that millisecond.
        while self._next_ms < now_ms:
            at_ms, self._next_ms = self._next_ms, self._next_ms + STEP_MS
            yield at_ms, [*self._errors.findings(at_ms), *self._latency.findings(at_ms)]

    def count(self, end: End) -> None:
        """Count one end; ``advance`` has been called with its time."""
        step = _step(end.at_ms)
        self._errors.know(end.model).add(step, is_bad=end.has_failed)
        if end.latency_s is not None:
            self._latency.know(end.model).add(step, is_bad=end.latency_s > self._slow_s)


def memory(rules: Iterable[Rule]) -> timedelta:
    """Return how much of the past decides what comes next: a window, and how long a condition has lasted."""
    return max(rule.window + rule.hold_off for rule in rules) + timedelta(milliseconds=2 * STEP_MS)


def _step(at_ms: int) -> int:
    """Return the end of the step that holds this time: the multiple at it or after it."""
    return -(-at_ms // STEP_MS) * STEP_MS


def _failed(rule: Rule, model: str, counts: _Sliding) -> str:
    return (
        f"{counts.bad} of {counts.seen} predictions of {model} failed within "
        f"{rule.window.total_seconds():g} s (limit {rule.threshold:.1%})"
    )


def _slow(rule: Rule, model: str, counts: _Sliding) -> str:
    return (
        f"{counts.bad} of {counts.seen} predictions of {model} took longer than {rule.threshold:g} s within "
        f"{rule.window.total_seconds():g} s (limit {SLOW_SHARE:.0%})"
    )
