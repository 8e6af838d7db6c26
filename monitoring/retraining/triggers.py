"""What is trained, and whether it is time to. Pure: what is known in, a reason out."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the operator asked for. ``labels`` new ones are enough; 0: they are no reason."""

    on_drift: bool
    labels: int
    cooldown: timedelta


@dataclass(frozen=True, slots=True)
class Situation:
    """How things are with one model.

    Args:
        open_rules: rules of which an alert on this model is open.
        new_labels: predictions that had feedback since the last training was asked for.
        since_last: how long ago it ended, or was asked for if it has not; None: never.
    """

    open_rules: Collection[str]
    new_labels: int
    since_last: timedelta | None


@dataclass(frozen=True, slots=True)
class Order:
    """What is trained: the model, the arguments of the trainer's job, and whether feedback is added."""

    model: str
    arguments: Mapping[str, Any]
    wishes: Wishes
    feedback: bool = False


#: Alerts that say: the world has changed, or the model is no good any more.
REASONS = ("drift", "live_quality", "estimated_quality")


def reason(wishes: Wishes, situation: Situation) -> str | None:
    """Return why to train now, or None. A training that did not help is not repeated before the cooldown."""
    if situation.since_last is not None and situation.since_last < wishes.cooldown:
        return None
    found = [rule for rule in REASONS if rule in situation.open_rules]
    if wishes.on_drift and found:
        return f"alert {found[0]}"
    if wishes.labels and situation.new_labels >= wishes.labels:
        return f"{situation.new_labels} new labels"
    return None
