"""On what the figures were made, from /proc."""

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Machine:
    """``load`` is the mean number of running processes over the last minute."""

    processor: str
    cores: int
    memory_gib: float
    load: float

    def __str__(self) -> str:
        return (
            f"{self.processor}, {self.cores} cores, {self.memory_gib:.0f} GiB; "
            f"load {self.load:.2f} at the start"
        )


def here() -> Machine:
    """Return this machine as it is now."""
    processors = Path("/proc/cpuinfo").read_text()
    names = re.findall(r"^model name\s*: (.+)$", processors, re.MULTILINE)
    found = re.search(r"^MemTotal:\s+(\d+) kB$", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return Machine(
        processor=names[0] if names else "unknown processor",
        cores=len(re.findall(r"^processor\s*:", processors, re.MULTILINE)),
        memory_gib=int(found[1]) / 2**20 if found else 0,
        load=float(Path("/proc/loadavg").read_text().split()[0]),
    )
