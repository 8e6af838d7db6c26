"""Runs whose training was killed, and could not say so: MLflow would show them as running for ever.

Each training holds a lock on a file that names its run; the kernel lets go of it however the process ends. A
file that nobody holds is a training that is gone: its run is ended as failed, with a word why, and a version
that it registered and never judged is refused. The checkpoints stay: the same training goes on from them.
"""

import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

SUFFIX = ".run"
#: Tag of a run: why it ended before its time.
ENDED_TAG = "barometer.ended"
KILLED = "the process was killed, or its machine stopped"
CANCELED = "it was canceled"

_log = logging.getLogger(__name__)


@contextmanager
def marked(root: Path | None) -> Iterator[Callable[[str], None]]:
    """Yield what to call with the id of the run, as soon as there is one. No folder: nothing is marked."""
    if root is None:
        yield _nowhere
        return
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = root / f"{os.getpid()}-{time.time_ns()}{SUFFIX}"
    with path.open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)

        def name(run: str) -> None:
            file.write(run)
            file.flush()

        try:
            yield name
        finally:
            path.unlink()


def _nowhere(run: str) -> None:
    """Mark nothing."""


def left(root: Path) -> list[Path]:
    """Return the marks that nobody holds."""
    return [path for path in sorted(root.glob(f"*{SUFFIX}")) if _is_free(path)]


def tidy(root: Path) -> list[str]:
    """End what is left of trainings that are gone; return their runs.

    Raises:
        RegistryUnavailable: MLflow does not answer; what is left waits for the next time.
    """
    from trainer.tracking import abandon

    ended = []
    for path in left(root):
        run = path.read_text("utf-8")
        if run and abandon(run, KILLED):
            ended.append(run)
            _log.warning("training.abandoned", extra={"run": run, "reason": KILLED})
        path.unlink()
    return ended


def _is_free(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8") as file:
            return _locks(file)
    except FileNotFoundError:
        return False


def _locks(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
