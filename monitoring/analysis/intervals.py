"""Wilson's interval of a proportion (Wilson 1927; Brown, Cai and DasGupta 2001 on why). Pure, no NumPy."""

from dataclasses import dataclass
from math import sqrt

#: 97.5th percentile of the normal distribution: all intervals are of 95 %.
Z = 1.959964


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure in [0, 1], and between what it lies with 95 % confidence."""

    value: float
    low: float
    high: float


def wilson(hits: int, total: int) -> Interval:
    """Return a proportion with Wilson's score interval; ``total`` is at least 1."""
    share, z2 = hits / total, Z * Z / total
    middle = (share + z2 / 2) / (1 + z2)
    half = Z / (1 + z2) * sqrt(share * (1 - share) / total + z2 / (4 * total))
    # At 0 and at 1 the bound is the figure itself, but for the last bit.
    return Interval(share, min(share, max(0.0, middle - half)), max(share, min(1.0, middle + half)))
