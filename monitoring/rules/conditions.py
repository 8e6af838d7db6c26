"""What is wrong right now: a sample of the service in, findings out. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields

from monitoring.rules.rule import Finding, Rule


@dataclass(frozen=True, slots=True)
class Serving:
    """One model's side of the queue now. ``oldest_s``: how long the first of those that wait has.

    ``versions`` are those that its live workers answer with.
    """

    workers: int
    waiting: int
    oldest_s: float
    is_expected: bool
    versions: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Sample:
    """The service at one moment.

    Args:
        models: those that are expected to be served, and those that something waits for.
        webhooks_due: webhooks whose time has come and that nobody has sent yet.
        notices_late_s: how long the oldest unsent notice of an alert has been waiting.
        disks: folder to the share of its disk that is used.
    """

    models: Mapping[str, Serving] = field(default_factory=dict)
    webhooks_due: int = 0
    notices_late_s: float = 0.0
    disks: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Conditions:
    """The rules on a sample."""

    queue_age: Rule
    no_worker: Rule
    webhooks: Rule
    notices: Rule
    disk: Rule
    versions: Rule

    @property
    def names(self) -> set[str]:
        """Return the names of these rules."""
        return {getattr(self, one.name).name for one in fields(self)}

    def judge(self, sample: Sample) -> Iterator[Finding]:
        """Yield what each rule finds."""
        for model, serving in sample.models.items():
            yield queue_age(self.queue_age, model, serving)
            yield no_worker(self.no_worker, model, serving)
            yield versions(self.versions, model, serving)
        yield webhooks(self.webhooks, sample)
        yield notices(self.notices, sample)
        for folder, used in sample.disks.items():
            yield disk(self.disk, folder, used)


def queue_age(rule: Rule, model: str, serving: Serving) -> Finding:
    """Judge how many seconds the oldest prediction has been waiting."""
    summary = (
        f"{serving.waiting} predictions wait for {model}, the first of them for {serving.oldest_s:.0f} s "
        f"(limit {rule.threshold:g} s)"
    )
    return Finding(rule, model, round(serving.oldest_s, 3), serving.oldest_s > rule.threshold, summary)


def no_worker(rule: Rule, model: str, serving: Serving) -> Finding:
    """Judge whether somebody works on what waits, or will: more than ``threshold`` workers are enough."""
    is_needed = serving.is_expected or serving.waiting > 0
    summary = f"{serving.workers} workers serve {model}, and {serving.waiting} predictions wait"
    return Finding(rule, model, serving.workers, is_needed and serving.workers <= rule.threshold, summary)


def versions(rule: Rule, model: str, serving: Serving) -> Finding:
    """Judge whether all workers answer with one version: one that hangs behind keeps its own for long."""
    number = len(serving.versions)
    summary = f"The workers of {model} answer with different versions: {', '.join(sorted(serving.versions))}"
    return Finding(rule, model, number, number > rule.threshold, summary)


def webhooks(rule: Rule, sample: Sample) -> Finding:
    """Judge how many webhooks are due and not sent; those that wait for their next attempt are not due."""
    summary = f"{sample.webhooks_due} webhooks are due and not sent (limit {rule.threshold:g})"
    return Finding(rule, "", sample.webhooks_due, sample.webhooks_due > rule.threshold, summary)


def notices(rule: Rule, sample: Sample) -> Finding:
    """Judge for how many seconds somebody could not be told of an alert."""
    late_s = sample.notices_late_s
    summary = (
        f"A notice of an alert has not reached its target for {late_s:.0f} s (limit {rule.threshold:g} s)"
    )
    return Finding(rule, "", round(late_s, 3), late_s > rule.threshold, summary)


def disk(rule: Rule, folder: str, used: float) -> Finding:
    """Judge which share of a disk is used."""
    summary = f"The disk of {folder} is {used:.1%} full (limit {rule.threshold:.0%})"
    return Finding(rule, folder, round(used, 4), used > rule.threshold, summary)
