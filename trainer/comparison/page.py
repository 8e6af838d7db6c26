"""The report of a comparison: one HTML page that asks nobody for anything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from trainer.comparison.contestant import Contestant, spread
from trainer.comparison.pictures import COLOURS, pictures
from trainer.comparison.recommending import Recommendation


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Everything the page shows. ``facts`` are told as they are, a line each."""

    contestants: tuple[Contestant, ...]
    recommendation: Recommendation
    goal: str
    price_per_hour: float
    facts: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        return {
            "facts": dict(self.facts),
            "goal": self.goal,
            "recommendation": {
                "name": self.recommendation.name,
                "reasons": list(self.recommendation.reasons),
            },
            "contestants": [one.to_dict(self.price_per_hour) for one in self.contestants],
        }


def page(comparison: Comparison) -> str:
    """Return the page."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"time": _time, "rate": _rate, "spread": spread}
    template = environment.from_string(
        files("trainer.comparison").joinpath("page.html.j2").read_text("utf-8")
    )
    drawn = {name: Markup(svg) for name, svg in pictures(comparison.contestants).items()}  # noqa: S704  # our own
    capabilities = list(dict.fromkeys(name for one in comparison.contestants for name in one.behaviour))
    return template.render(
        c=comparison, pictures=drawn, colours=COLOURS, capabilities=capabilities,
        skipped=_skipped(comparison.contestants),
        seeds=any(len(one.f1s) > 1 for one in comparison.contestants),
    )  # fmt: skip


def _skipped(contestants: Sequence[Contestant]) -> list[str]:
    return [f"{one.name}: {one.skipped}" for one in contestants if one.skipped]


def _time(seconds: float | None) -> str:
    """Show a duration in the unit in which it has two or three digits."""
    if seconds is None:
        return "–"
    if seconds >= 120:
        return f"{seconds / 60:.1f} min"
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def _rate(share: float) -> str:
    """Return the colour of a failure rate: white for none, the redder the more."""
    return f"rgba(213, 94, 0, {min(share, 1.0) * 0.75:.2f})"
