"""What the machine drew while something ran, where it has counters: its processors' own, and its GPUs'.

They count the whole machine, whoever uses it, and nothing of what surrounds the chips. RAPL is read from
Linux' power capping framework (Documentation/power/powercap), which most systems let root alone read and few
virtual machines have; GPUs are asked through NVML where ``nvidia-ml-py`` is installed.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

RAPL = Path("/sys/class/powercap")
#: Zones that add up: a processor without its parts, and the memory, which is no part of it.
_ZONES = ("package", "dram")

JOULES_A_WH = 3600.0


@dataclass(frozen=True, slots=True)
class Measured:
    """Watt-hours, and which counters they are of."""

    wh: float
    source: str


@dataclass(frozen=True, slots=True)
class Zone:
    """One counter of RAPL: microjoules, beginning anew at its range."""

    file: Path
    range_uj: int

    def read_uj(self) -> int:
        """Return the counter now; raises OSError where it may not be read."""
        return int(self.file.read_text("ascii"))


def meter(rapl: Path = RAPL) -> Callable[[], Measured | None]:
    """Begin to measure; what is returned tells the energy up to its call, None where nothing counts it."""
    zones = _zones(rapl)
    before = [zone.read_uj() for zone in zones]
    gpus_before = _gpus_mj()

    def read() -> Measured | None:
        joules, sources = 0.0, []
        if zones:
            sources.append("RAPL")
            spent = zip(zones, before, strict=True)
            # Less than before: it has begun anew, once in many minutes.
            joules += sum((zone.read_uj() - then) % zone.range_uj for zone, then in spent) / 1e6
        if gpus_before:
            sources.append("NVML")
            joules += sum(now - then for now, then in zip(_gpus_mj(), gpus_before, strict=True)) / 1e3
        return Measured(joules / JOULES_A_WH, " and ".join(sources)) if sources else None

    return read


def _zones(rapl: Path) -> list[Zone]:
    """Return the counters that can be read; all of them, or none: a part would pass for the whole."""
    found = []
    with contextlib.suppress(OSError, ValueError):
        for folder in sorted(rapl.glob("intel-rapl:*")):
            if (folder / "name").read_text("ascii").startswith(_ZONES):
                zone = Zone(folder / "energy_uj", int((folder / "max_energy_range_uj").read_text("ascii")))
                zone.read_uj()
                found.append(zone)
        return found
    return []


def _gpus_mj() -> list[int]:
    """Return what each GPU has drawn since its driver was loaded, in millijoules, where that is known."""
    try:
        import pynvml
    except ImportError:
        return []
    try:
        pynvml.nvmlInit()
        handles = map(pynvml.nvmlDeviceGetHandleByIndex, range(pynvml.nvmlDeviceGetCount()))
        return [int(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)) for handle in handles]
    except pynvml.NVMLError:
        return []  # no driver, no GPU, or one from before Volta
