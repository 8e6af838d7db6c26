"""What a training took of the machine: time, processor time, memory, energy."""

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from trainer import energy
from trainer.energy import Measured

#: What one busy core of a server draws, in watts: a 64-core processor of 280 to 360 W, and as much again for
#: what surrounds it. An assumption, not a measurement: it says something where no counter can be read.
WATTS_A_CORE = 10.0


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds on the clock and on all cores, the greatest memory of the process in MiB, and energy.

    ``measured`` is of the whole machine, where it has counters.
    """

    wall_s: float
    cpu_s: float
    peak_mib: float
    measured: Measured | None = None

    @property
    def estimated_wh(self) -> float:
        """Processor time at ``WATTS_A_CORE``."""
        return self.cpu_s * WATTS_A_CORE / 3600

    @property
    def energy(self) -> str:
        """The energy in words, with where the figure is from."""
        if self.measured:
            return f"{self.measured.wh:.3g} Wh, measured of the whole machine by {self.measured.source}"
        return f"{self.estimated_wh:.3g} Wh, estimated: processor time at {WATTS_A_CORE:g} W a core"

    def metrics(self) -> dict[str, float]:
        """Return the figures under the names they have in a run."""
        return {
            "training.wall_s": self.wall_s,
            "training.cpu_s": self.cpu_s,
            "training.peak_mib": self.peak_mib,
            "training.estimated_wh": self.estimated_wh,
        } | ({"training.measured_wh": self.measured.wh} if self.measured else {})


def meter() -> Callable[[], Cost]:
    """Begin to measure; what is returned tells the cost up to its call.

    The peak is that of the process since it began: a training should have a process of its own.
    """
    wall, cpu, drawn = time.perf_counter(), _cpu_s(), energy.meter()

    def read() -> Cost:
        unit = 1024 * 1024 if sys.platform == "darwin" else 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
        return Cost(time.perf_counter() - wall, _cpu_s() - cpu, peak, drawn())

    return read


def _cpu_s() -> float:
    """Return the processor time of this process and of the children it has waited for."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)
