"""Nothing that a benchmark starts outlives it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks import processes

#: Starts a child, says its pid, and neither of them stops when asked to.
STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(os.getpid(), child.pid, flush=True)
time.sleep(600)
"""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def eventually_gone(*pids: int) -> None:
    # A killed process takes the kernel a moment.
    deadline = time.monotonic() + 5
    while any(map(alive, pids)):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def told(log: Path) -> list[int]:
    deadline = time.monotonic() + 20
    while not (log.exists() and log.read_text().endswith("\n")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return [int(word) for word in log.read_text().split()]


def test_a_program_that_will_not_stop_is_gone_with_its_children(tmp_path) -> None:
    with processes.running([sys.executable, "-c", STUBBORN], tmp_path / "log", patience_s=0.2):
        pids = told(tmp_path / "log")
        assert all(map(alive, pids))
    eventually_gone(*pids)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_benchmark_that_is_stopped_stops_what_it_started(tmp_path, number: signal.Signals) -> None:
    script = (
        "import signal, sys, time; from pathlib import Path; from benchmarks import processes\n"
        # As in a terminal, even where the tests themselves run in the background.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "processes.stop_on_sigterm()\n"
        f"with processes.running([sys.executable, '-c', 'import os, time; print(os.getpid(), flush=True);"
        f" time.sleep(600)'], Path({str(tmp_path / 'log')!r})): time.sleep(600)\n"
    )
    benchmark = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
    (pid,) = told(tmp_path / "log")
    os.kill(benchmark.pid, number)
    benchmark.wait(20)
    eventually_gone(pid)
