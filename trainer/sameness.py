"""When a training that was done again came to the same, and what may be why it did not. Pure.

"The same" is stated by family: TF-IDF is arithmetic in one thread and must repeat to the last digits that a
sum can move; networks add up in whatever order their threads finish, and small steps grow in training.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Tolerance:
    """The greatest differences that count as the same: of macro-F1, and of a canary's score."""

    macro_f1: float
    score: float


EXACT = Tolerance(macro_f1=0.0, score=1e-9)
#: Two points of macro-F1 are the 95 % interval of a few thousand rows.
CLOSE = Tolerance(macro_f1=0.02, score=0.2)
TOLERANCES: Mapping[str, Tolerance] = {"tfidf": EXACT}


@dataclass(frozen=True, slots=True)
class Reproduction:
    """What the second training gave, beside the first; ``remarks`` say what was not as it was then."""

    run: str
    family: str
    seed: int
    macro_f1: tuple[float, float]
    greatest_score_difference: float
    tolerance: Tolerance
    remarks: tuple[str, ...] = ()

    @property
    def is_same(self) -> bool:
        """Tell whether all differences are within the tolerance."""
        before, now = self.macro_f1
        return (
            abs(before - now) <= self.tolerance.macro_f1
            and self.greatest_score_difference <= self.tolerance.score
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        return {**asdict(self), "is_same": self.is_same}


def remarks(
    code_then: Mapping[str, str],
    code_now: Mapping[str, str],
    then: Mapping[str, str],
    now: Mapping[str, str],
) -> tuple[str, ...]:
    """Return what is not as it was: code (``provenance.code``), and packages by name and version.

    Nothing of it makes the second training another by itself; if it is another, here is where to look.
    """
    found = []
    if "true" in (code_then.get("dirty"), code_now.get("dirty")):
        dirty = [name for name, one in (("then", code_then), ("now", code_now)) if one.get("dirty") == "true"]
        found.append(f"the code was changed and not committed {' and '.join(dirty)}")
    if code_then.get("commit") != code_now.get("commit"):
        commits = [one.get("commit", "unknown")[:12] for one in (code_then, code_now)]
        found.append(f"the code is another: commit {commits[0]} then, {commits[1]} now")
    found += [
        f"{name} is {now.get(name, 'missing')} now and was {then.get(name, 'missing')}"
        for name in sorted({*then, *now})
        if then.get(name) != now.get(name)
    ]
    return tuple(found)
