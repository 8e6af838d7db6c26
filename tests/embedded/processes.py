"""Whole launchers as the tests start them, and what is left of them afterwards."""

import subprocess
import sys
import time
from pathlib import Path


class Launcher:
    """A Python program in a process and session of its own, with its output in a file."""

    def __init__(self, folder: Path, *arguments: str, environment: dict[str, str]) -> None:
        self.output = folder / "output"
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, *arguments],
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )

    def wait_for(self, text: str, timeout_s: float = 60) -> str:
        """Wait until the text is in the output, and return the output."""
        deadline = time.monotonic() + timeout_s
        while text not in self.said():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.05)
        return self.said()

    def said(self) -> str:
        return self.output.read_text()


def descendants(pid: int) -> set[int]:
    """The processes below this one, at any depth."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def is_running(pid: int) -> bool:
    """Whether the process lives; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def survivors(pids: set[int], timeout_s: float = 20) -> set[int]:
    """Those that still run after the others had time to stop."""
    deadline = time.monotonic() + timeout_s
    while (left := {pid for pid in pids if is_running(pid)}) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left
