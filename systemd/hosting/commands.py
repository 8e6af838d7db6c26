"""Running other programs, and saying what is being done."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from hosting.errors import HostError


def say(text: str) -> None:
    """Tell the operator."""
    print(f"barometer: {text}", file=sys.stderr, flush=True)


def run(*command: str | Path, env: Mapping[str, str] | None = None) -> str:
    """Run a program to its end and return what it printed.

    Raises:
        HostError: it failed; with its last lines.
    """
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, capture_output=True, text=True, env=env, check=False)  # noqa: S603
    except FileNotFoundError as error:
        raise HostError(f"{words[0]} is not installed") from error
    if done.returncode:
        tail = (done.stderr or done.stdout).strip().splitlines()[-8:]
        raise HostError("\n    ".join([f"{' '.join(words[:4])} failed ({done.returncode})", *tail]))
    return done.stdout.strip()


def succeeds(*command: str | Path) -> bool:
    """Whether a program ends with 0."""
    words = [str(word) for word in command]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0  # noqa: S603 - our own words
