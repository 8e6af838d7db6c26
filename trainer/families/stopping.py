"""When to stop learning: nothing better for a while, on rows that do not teach. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the watching rows: the epoch, and its macro-F1 and loss."""

    epoch: int
    macro_f1: float
    loss: float

    def beats(self, other: "Look | None") -> bool:
        """Tell whether this is better: by macro-F1, and by loss where that is the same."""
        return other is None or (self.macro_f1, -self.loss) > (other.macro_f1, -other.loss)


def best(looks: list[Look]) -> Look | None:
    """Return the best look, the first of equals."""
    found: Look | None = None
    for look in looks:
        if look.beats(found):
            found = look
    return found


def is_over(looks: list[Look], patience: int) -> bool:
    """Tell whether the last ``patience`` looks brought nothing better."""
    found = best(looks)
    return found is not None and looks[-1].epoch - found.epoch >= patience
