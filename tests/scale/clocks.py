"""A wall clock for each process, wrong by as much as a test likes, and changed while the process runs."""

import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("clock.c")


def shim(folder: Path) -> Path:
    """Compile the library; a missing compiler skips, and fails on GitHub."""
    compiler = shutil.which("cc")
    if compiler is None:
        message = "no C compiler to make a wrong clock with: 'apt install gcc libc6-dev'"
        pytest.fail(message) if os.environ.get("GITHUB_ACTIONS") else pytest.skip(message)
    made = folder / "clock.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", made, SOURCE, "-ldl"], check=True)
    return made


class Clock:
    """The clock of the processes that run with ``settings``."""

    def __init__(self, shim: Path, file: Path, offset_s: int) -> None:
        self._file = file
        self.settings = {"LD_PRELOAD": str(shim), "CLOCK_OFFSET": str(file)}
        self.set(offset_s)

    def set(self, offset_s: int) -> None:
        """Let it be so many seconds ahead from now on."""
        # In place: the processes have mapped this very file.
        mode = "r+b" if self._file.exists() else "w+b"
        with self._file.open(mode) as file:
            file.write(struct.pack("l", offset_s))
