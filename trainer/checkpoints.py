"""Where an unfinished training is kept, so that the same one, asked for again, goes on instead of anew."""

import fcntl
import hashlib
import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from trainer.errors import BadRequest

#: Nobody goes on with a training that was left this long ago; its checkpoints take gigabytes.
KEPT = timedelta(days=14)


def key(facts: Mapping[str, Any]) -> str:
    """Return the name of a training: the same for all that must come to the same model."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:32]


@contextmanager
def kept(root: Path, name: str) -> Iterator[Path]:
    """Yield a training's folder; it goes when the block ends well, and stays when it raises.

    Raises:
        BadRequest: the same training runs already.
    """
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    _sweep(root)
    with (root / f"{name}.lock").open("w") as lock:
        try:
            # The kernel lets go of it however the process ends.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BadRequest("this training, of the same data, options and seed, runs already") from error
        folder = root / name
        folder.mkdir(exist_ok=True, mode=0o700)
        yield folder
        shutil.rmtree(folder)
        (root / f"{name}.lock").unlink()


def joined(root: Path, name: str) -> Path:
    """Return the folder of a training that another process on this machine has begun."""
    return root / name


def _sweep(root: Path) -> None:
    oldest = time.time() - KEPT.total_seconds()
    for path in root.iterdir():
        if path.is_dir() and path.stat().st_mtime < oldest:
            shutil.rmtree(path)
