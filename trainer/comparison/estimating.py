"""How long the trainings of a comparison will take, from how long those before them took. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Took:
    """A training that was done: on so many rows, in so many seconds."""

    rows: int
    seconds: float


def left_s(done: Sequence[Took], coming: Iterable[int]) -> float | None:
    """Return the seconds that trainings on so many rows each will take; None where nothing is known yet.

    A line through the trainings on the fewest and on the most rows: what each costs anyhow, libraries and
    base models, and what a row costs. Of one training alone all is taken for the rows' cost: the upper bound.
    """
    if not done:
        return None
    least, most = min(done, key=_rows), max(done, key=_rows)
    spread = most.rows - least.rows
    a_row = max(0.0, (most.seconds - least.seconds) / spread) if spread else most.seconds / most.rows
    anyhow = max(0.0, most.seconds - a_row * most.rows)
    return sum(anyhow + a_row * rows for rows in coming)


def told(seconds: float) -> str:
    """Say a duration as people do who wait for it."""
    if seconds < 90:
        return "less than two minutes"
    if seconds < 5400:
        return f"about {seconds / 60:.0f} minutes"
    return f"about {seconds / 3600:.1f} hours"


def _rows(one: Took) -> int:
    return one.rows
