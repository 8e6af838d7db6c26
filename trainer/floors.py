"""What a model must reach on its own, whoever serves now. Pure: figures in, reasons against it out."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from trainer.behaviour.suite import Capability
from trainer.evaluation import Evaluation
from trainer.serving import Serving

#: The share of behaviour cases that may fail. What a bag of words cannot know (that "not bad" is good, that
#: people change their minds) has no floor of its own: there a model must only be no worse than the champion.
BEHAVIOUR: Mapping[str, float] = {
    "plain words": 0.20,
    "negation": 0.50,
    "typos": 0.20,
    "names": 0.10,
    "groups": 0.25,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a model must reach. All but ``rows``, ``resamples`` and the budgets are in [0, 1]."""

    rows: int = 30
    macro_f1: float = 0.60
    recall: float = 0.50
    ece: float = 0.15
    #: Accuracy on each slice of at least ``rows`` rows.
    slice_accuracy: float = 0.50
    #: The greatest failure rate by capability.
    behaviour: Mapping[str, float] = field(default_factory=lambda: BEHAVIOUR)
    #: Seconds that 99 of 100 single texts may take at most, bytes in memory and on disk. None: no budget.
    p99_s: float | None = None
    memory: int | None = None
    size: int | None = None
    #: How far below the champion the 95 % interval may reach.
    margin: float = 0.002
    #: How improbable a loss on slices or behaviour must be in equal models to count as one. A dozen are
    #: looked at, so one in twenty would refuse every other good model.
    chance: float = 0.01
    resamples: int = 1_000

    @property
    def has_budget(self) -> bool:
        """Tell whether serving has to be measured."""
        return any(budget is not None for budget in (self.p99_s, self.memory, self.size))


def below(evaluation: Evaluation, limits: Limits) -> list[str]:
    """Return the floors that the figures do not reach, as sentences."""
    reasons = []
    if evaluation.rows < limits.rows:
        reasons.append(f"{evaluation.rows} evaluation rows are fewer than the {limits.rows} a verdict needs")
    if evaluation.macro_f1 < limits.macro_f1:
        reasons.append(f"macro-F1 {evaluation.macro_f1:.3f} is below {limits.macro_f1:.2f}")
    for label, figures in evaluation.per_class.items():
        if not figures.support:
            reasons.append(f"no evaluation row is labelled {label}")
        elif figures.recall < limits.recall:
            reasons.append(f"recall of {label} {figures.recall:.3f} is below {limits.recall:.2f}")
    if evaluation.ece > limits.ece:
        reasons.append(f"calibration error {evaluation.ece:.3f} is above {limits.ece:.2f}")
    reasons += [
        f"accuracy on {name} {one.accuracy:.3f} is below {limits.slice_accuracy:.2f} ({one.rows} rows)"
        for name, one in evaluation.slices.items()
        if one.rows >= limits.rows and one.accuracy < limits.slice_accuracy
    ]
    return reasons


def misbehaved(behaviour: Mapping[str, Capability], limits: Limits) -> list[str]:
    """Return the capabilities that fail too often, as sentences."""
    return [
        f"behaviour: {capability} fails in {found.rate:.1%} of {len(found.failed)} cases, "
        f"above {limits.behaviour[capability]:.0%}"
        for capability, found in behaviour.items()
        if found.rate > limits.behaviour.get(capability, 1.0)
    ]


def over_budget(serving: Serving | None, limits: Limits) -> list[str]:
    """Return the budgets that are exceeded, as sentences."""
    budgets = {
        "99th percentile of one text": limits.p99_s,
        "memory": limits.memory,
        "size on disk": limits.size,
    }
    set_ones = {name: budget for name, budget in budgets.items() if budget is not None}
    if serving is None:
        names = ", ".join(set_ones)
        return [f"there is a budget for {names}, but nothing was measured"] if set_ones else []
    measured = dict(zip(budgets, (serving.single.p99_s, serving.memory, serving.size), strict=True))
    return [
        f"{name} {_shown(name, measured[name])} is above the budget of {_shown(name, budget)}"
        for name, budget in set_ones.items()
        if measured[name] > budget
    ]


def _shown(name: str, figure: float) -> str:
    return f"{figure * 1000:.1f} ms" if "percentile" in name else megabytes(figure)


def megabytes(count: float) -> str:
    """Show bytes as people read them."""
    return f"{count / 1e6:,.1f} MB"
