"""What a training took of the machine: time, processor time, memory, and an estimate of the energy."""

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

#: What one busy core of a server draws, in watts: a 64-core processor of 280 to 360 W, and as much again for
#: what surrounds it. An assumption, not a measurement: no counter is read, and a GPU is not counted.
WATTS_A_CORE = 10.0


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds on the clock and on all cores, and the greatest memory of the process in MiB."""

    wall_s: float
    cpu_s: float
    peak_mib: float

    @property
    def estimated_wh(self) -> float:
        """Processor time at ``WATTS_A_CORE``."""
        return self.cpu_s * WATTS_A_CORE / 3600

    def metrics(self) -> dict[str, float]:
        """Return the figures under the names they have in a run."""
        return {
            "training.wall_s": self.wall_s,
            "training.cpu_s": self.cpu_s,
            "training.peak_mib": self.peak_mib,
            "training.estimated_wh": self.estimated_wh,
        }


def meter() -> Callable[[], Cost]:
    """Begin to measure; what is returned tells the cost up to its call.

    The peak is that of the process since it began: a training should have a process of its own.
    """
    wall, cpu = time.perf_counter(), _cpu_s()

    def read() -> Cost:
        unit = 1024 * 1024 if sys.platform == "darwin" else 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
        return Cost(time.perf_counter() - wall, _cpu_s() - cpu, peak)

    return read


def _cpu_s() -> float:
    """Return the processor time of this process and of the children it has waited for."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)
