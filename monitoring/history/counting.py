"""Predictions that ended, counted by minute: what stays when their rows are gone. Pure.

A minute can be added to another, so an hour is the sum of its minutes, and a batch adds to what is there.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Self

from contract import latencies
from contract.labels import NEGATIVE
from contract.states import Status

MINUTE_MS = 60_000
#: Shorter latencies count as this long: nobody waits for less, and a clock may have jumped back.
SHORTEST_S = 1e-3
#: How long counts are kept: this month beside the same one a year ago. A model that is
#: busy in every minute takes 250 MB (455 bytes a minute, at 300 predictions a second).
COUNTS_RETENTION = timedelta(days=400)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """One minute of one model, by its first millisecond."""

    at_ms: int
    model: str


@dataclass(slots=True)
class Counts:
    """How many ended how, as what, and after how long: ``latencies`` by bucket, of what was waited for."""

    succeeded: int = 0
    failed: int = 0
    canceled: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    latencies: Counter[int] = field(default_factory=Counter)

    @property
    def negative(self) -> int:
        """Return how many answers were negative."""
        return self.labels[NEGATIVE]

    def add(self, row: Mapping[str, Any]) -> None:
        """Count one row of ``predictions``."""
        status = row["status"]
        if status == Status.CANCELED:
            self.canceled += 1
            return
        if status == Status.SUCCEEDED:
            self.succeeded += 1
            self.labels[row["label"]] += 1
        else:
            self.failed += 1
        # As the rule on latency has it: nobody waits for a row of a batch, nor for what was canceled.
        if not row["batch"]:
            self.latencies[bucket(row["latency_s"])] += 1

    def merge(self, other: "Counts") -> None:
        """Add what another holds."""
        self.succeeded += other.succeeded
        self.failed += other.failed
        self.canceled += other.canceled
        self.labels += other.labels
        self.latencies += other.latencies

    def to_row(self) -> dict[str, Any]:
        """Return the columns of ``minutes``, less the place."""
        return {
            "succeeded": self.succeeded,
            "failed": self.failed,
            "canceled": self.canceled,
            "labels": json.dumps(self.labels, separators=(",", ":")),
            "latencies": json.dumps(self.latencies, separators=(",", ":")),
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Read what ``to_row`` wrote."""
        latencies = {int(number): count for number, count in json.loads(row["latencies"]).items()}
        return cls(
            row["succeeded"],
            row["failed"],
            row["canceled"],
            Counter(json.loads(row["labels"])),
            Counter(latencies),
        )


def bucket(seconds: float) -> int:
    """Return the number of a latency's bucket, as ``contract.latencies`` has them."""
    return latencies.bucket(max(seconds, SHORTEST_S))


def counted(rows: Iterable[Mapping[str, Any]]) -> dict[Place, Counts]:
    """Return the counts of some rows of ``predictions`` by minute and model."""
    found: dict[Place, Counts] = {}
    for row in rows:
        place = Place(row["at_ms"] // MINUTE_MS * MINUTE_MS, row["model"])
        found.setdefault(place, Counts()).add(row)
    return found
