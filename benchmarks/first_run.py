"""A stranger's first minutes: the README's two commands in a fresh clone, with times and peak memory.

``python -m benchmarks.first_run``
"""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import psutil
import typer

from benchmarks import machine, report

REPOSITORY = Path(__file__).parents[1]
READY = "Ctrl-C stops everything."
#: Set by some machines; a stranger's has none of it.
UNSET = ("PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV", "REDIS_URL", "MLFLOW_TRACKING_URI")


@dataclass(frozen=True, slots=True)
class Run:
    """One command, until it was ready or done. ``peak_mib`` is the proportional memory of its whole tree."""

    name: str
    seconds: float
    peak_mib: float
    stop_s: float | None
    output: str

    def cells(self) -> list[str]:
        """Return the row of the table."""
        stop = "" if self.stop_s is None else f"{self.stop_s:.1f}"
        return [self.name, f"{self.seconds:.1f}", f"{self.peak_mib:,.0f}", stop]


def run(name: str, arguments: list[str], folder: Path, *, until: str | None = None) -> Run:
    """Run a command; with ``until``, press Ctrl-C once that has been printed.

    Raises:
        SystemExit: the command failed; its last lines say why.
    """
    log = folder.parent / f"{name.replace(' ', '-')}.log"
    environment = {key: value for key, value in os.environ.items() if key not in UNSET}
    environment["PATH"] = os.pathsep.join(p for p in os.environ["PATH"].split(os.pathsep) if ".venv" not in p)
    print(f"{name}: {' '.join(arguments)}", file=sys.stderr)
    begun = time.monotonic()
    with log.open("w") as output:
        process = subprocess.Popen(
            arguments, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT,
            # A process group of its own, as a terminal gives it: Ctrl-C goes to all of it.
            start_new_session=True,
        )  # fmt: skip
    peak = Peak(process.pid)
    stop_s = None
    if until:
        _wait(lambda: until in log.read_text() or process.poll() is not None)
        seconds = time.monotonic() - begun
        os.killpg(process.pid, signal.SIGINT)
        process.wait()
        stop_s = time.monotonic() - begun - seconds
    else:
        process.wait()
        seconds = time.monotonic() - begun
    said = log.read_text()
    if (until and until not in said) or (not until and process.returncode):
        raise SystemExit(f"{name} failed:\n{said[-3000:]}")
    return Run(name, seconds, peak.stop(), stop_s, said)


class Peak:
    """The largest proportional memory (PSS: shared pages counted once) of a process and all below it."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._largest = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> float:
        """Return the peak in MiB."""
        self._done.set()
        self._thread.join()
        return self._largest

    def _watch(self) -> None:
        while not self._done.wait(0.5):
            total = 0
            try:
                for process in [self._root, *self._root.children(recursive=True)]:
                    total += _pss(process)
            except psutil.NoSuchProcess:
                continue
            self._largest = max(self._largest, total / 2**20)


def _pss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0


def _wait(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.1)


def _excerpt(said: str, folder: Path, lines: int) -> str:
    """The last lines of a transcript, without colours and without this machine's folder."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", said).replace(str(folder), ".")
    return "\n".join(plain.rstrip().splitlines()[-lines:])


def main(*, tests: Annotated[bool, typer.Option(help="Also run `make test`, some minutes.")] = True) -> None:
    """Clone this checkout into an empty folder, run the README's commands there, and write what they took.

    Examples:

    - `python -m benchmarks.first_run`
    - `python -m benchmarks.first_run --no-tests`
    """
    here = machine.here()
    with tempfile.TemporaryDirectory(prefix="barometer-") as parent, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        folder = Path(parent, "barometer")
        subprocess.run(["git", "clone", "--quiet", REPOSITORY, folder], check=True)
        serve = ["make", "serve", f"PORT={port}"]
        runs = [
            run("make serve, first", serve, folder, until=READY),
            run("make serve, again", serve, folder, until=READY),
        ]
        if tests:
            runs.append(run("make test", ["make", "test"], folder))
        head = ["command", "s until ready, or done", "peak MiB", "s to stop"]
        transcripts = [f"{one.name}\n\n```console\n{_excerpt(one.output, folder, 60)}\n```" for one in runs]
        figures = {"runs": [dict(zip(head, one.cells(), strict=True)) for one in runs]}
        report.write(
            "first_run", here, [report.table(head, [one.cells() for one in runs]), *transcripts], figures
        )


if __name__ == "__main__":
    typer.run(main)
