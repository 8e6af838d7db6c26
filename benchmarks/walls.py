"""What a prediction costs each part, and which part is full first. Pure arithmetic on measured figures.

The cost of one prediction in a part that works on batches of ``b`` falls with the batch, because a call has
a price of its own::

    cost(b) = each + call / b                                    microseconds of one core

Every part is a process with one core: a gateway's event loop (``g``), Redis' thread (``r``, of which ``out``
for taking out), a worker (``w``), which stands still while Redis does its taking out. A part is full at
``10^6 / cost`` predictions a second, and all together are when the cores are::

    rate(b) = min(gateways / g, workers / (w(b) + out(b)), 1 / r(b), cores / (g + w(b) + r(b)))
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

#: The share of a core to plan with. Waiting grows without end as the share goes to one.
HEADROOM = 0.7
MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds of one core: for each prediction, and for each call, whatever its batch."""

    each: float
    call: float = 0.0

    def at(self, batch: float) -> float:
        """Return the cost of one prediction in batches of so many."""
        return self.each + self.call / batch


@dataclass(frozen=True, slots=True)
class Costs:
    """The costs of the parts; Redis' apart for putting in and taking out."""

    gateway: Cost
    worker: Cost
    redis_in: Cost
    redis_out: Cost

    def redis(self, batch: float) -> float:
        """Return what Redis does for one prediction from beginning to end."""
        return self.redis_in.at(batch) + self.redis_out.at(batch)

    def busy(self, batch: float) -> float:
        """Return how long one worker is taken up by one prediction."""
        return self.worker.at(batch) + self.redis_out.at(batch)

    def all(self, batch: float) -> float:
        """Return what all cores together do for one prediction."""
        return self.gateway.at(batch) + self.worker.at(batch) + self.redis(batch)


@dataclass(frozen=True, slots=True)
class Layout:
    """How many processes of each kind run, on how many cores of all hosts together."""

    gateways: int
    workers: int
    cores: int


@dataclass(frozen=True, slots=True)
class Wall:
    """The most predictions a second, and the part that is full then."""

    rate: float
    part: str


def fit(batches: Sequence[float], costs: Sequence[float]) -> Cost:
    """Return the least-squares line through measured costs over ``1 / batch``, neither part of it negative.

    Each point is weighted by its own size: what a noisy machine adds is a share of the cost.
    """
    inverse, measured = 1 / np.asarray(batches, float), np.asarray(costs, float)
    columns = np.column_stack([np.ones_like(inverse), inverse]) / measured[:, None]
    (each, call), *_ = np.linalg.lstsq(columns, np.ones_like(measured), rcond=None)
    if call < 0:
        return Cost(_alone(columns[:, 0]))
    if each < 0:
        return Cost(0.0, _alone(columns[:, 1]))
    return Cost(float(each), float(call))


def _alone(column: "np.ndarray") -> float:
    """The least-squares factor where one column has to explain everything."""
    return float(column.sum() / (column @ column))


def wall(costs: Costs, batch: float, layout: Layout) -> Wall:
    """Return the rate at which the first part is full."""
    limits = {
        "gateway": _full(layout.gateways, costs.gateway.at(batch)),
        "worker": _full(layout.workers, costs.busy(batch)),
        "Redis": _full(1, costs.redis(batch)),
        "cores": _full(layout.cores, costs.all(batch)),
    }
    part = min(limits, key=lambda name: limits[name])
    return Wall(limits[part], part)


def needed(costs: Costs, batch: float, rate: float, share: float = HEADROOM) -> Layout:
    """Return the processes and cores that so many predictions a second need, each used up to ``share``."""

    def count(cost: float) -> int:
        # A hair less, so that rounding in the last digit asks for no process more.
        return max(1, ceil(cost * rate / MICROSECONDS / share - 1e-9))

    return Layout(count(costs.gateway.at(batch)), count(costs.busy(batch)), count(costs.all(batch)))


def best(costs: Costs, batch: float, cores: int) -> tuple[Layout, Wall]:
    """Return the fewest processes that get the most out of so many cores, and what is full then."""
    plenty = 10 * cores
    ceiling = wall(costs, batch, Layout(plenty, plenty, cores))
    fewest = needed(costs, batch, ceiling.rate, share=1)
    return Layout(fewest.gateways, fewest.workers, cores), ceiling


def _full(processes: int, cost: float) -> float:
    return processes * MICROSECONDS / cost
