"""Which trainings a comparison takes, on which rows, and in which order. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from trainer.data.cleaning import MIN_ROWS_PER_LABEL
from trainer.data.rows import Row, skeleton
from trainer.errors import BadRequest
from trainer.families import FAMILIES

#: Shares of the training rows for the learning curve, before all of them.
SHARES = (0.01, 0.03, 0.1, 0.3)
#: So many of them come first in every family, before anything longer: they tell how long all will take.
PILOTS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What takes part: families to train, each with so many seeds, and versions that are there already.

    ``options`` maps a family to its own. A ``teacher`` that is a family's name is the one trained here, on
    the same rows with the same seed.
    """

    families: tuple[str, ...] = ()
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    versions: tuple[str, ...] = ()
    seeds: int = 1
    curve: bool = True


@dataclass(frozen=True, slots=True)
class Training:
    """One training: a family, the share of the rows it learns from, and the seed."""

    family: str
    share: float
    seed: int


def check(entry: Entry) -> None:
    """Make sure that there is something to compare, and that all families there are named.

    Raises:
        BadRequest: there is nothing, or no such family, or a teacher does not take part.
    """
    if not entry.families and not entry.versions:
        raise BadRequest("nothing to compare: name a --family to train or a --version that is registered")
    unknown = {*entry.families, *entry.options} - FAMILIES.keys()
    if unknown:
        raise BadRequest(f"there is no family '{min(unknown)}'; there are: {', '.join(FAMILIES)}")
    for pupil, teacher in teachers(entry).items():
        if teacher not in entry.families or teacher in teachers(entry):
            raise BadRequest(
                f"{teacher} is to teach {pupil}: name it as a --family that has no teacher of its own"
            )


def teachers(entry: Entry) -> dict[str, str]:
    """Return the families that learn from another one of this comparison, and from which."""
    found = {family: str(options.get("teacher", "")) for family, options in entry.options.items()}
    return {family: teacher for family, teacher in found.items() if teacher in FAMILIES}


def planned(entry: Entry, shares: Sequence[float]) -> list[Training]:
    """Return the trainings in their order; ``shares`` are the parts that can be learnt from, smallest first.

    Small parts of all families come before the first large one; who teaches comes before who learns from it.
    """
    families = sorted(entry.families, key=lambda family: family in teachers(entry))
    small = [Training(family, share, 0) for family in families for share in shares[:PILOTS]]
    large = [
        Training(family, share, seed)
        for family in families
        for share, seeds in (*((share, 1) for share in shares[PILOTS:]), (1.0, entry.seeds))
        for seed in range(seeds)
    ]
    return [*small, *large]


def parts(rows: Sequence[Row]) -> dict[float, tuple[Row, ...]]:
    """Return the rows of each share, chosen by their texts alone: the small parts lie within the larger ones.

    A part that has too few rows of some label to teach it is left out; all rows are as they were given.
    """
    ordered = sorted(rows, key=lambda row: sha256(f"curve {skeleton(row.text)}".encode()).digest())
    labels = {row.label for row in rows}
    small = {share: tuple(ordered[: round(share * len(rows))]) for share in SHARES}
    return {**{share: part for share, part in small.items() if teaches(part, labels)}, 1.0: tuple(rows)}


def teaches(rows: Sequence[Row], labels: Collection[str]) -> bool:
    """Tell whether there are rows enough of each label."""
    found = [row.label for row in rows]
    return all(found.count(label) >= MIN_ROWS_PER_LABEL for label in labels)
