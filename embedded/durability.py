"""What our Redis has written reaches the disk every second, and an accepted request survives its death.

Redis' own ``appendfsync everysec`` has a hole: while its fsync runs, it answers clients before it has handed
their writes to the kernel, so a killed Redis can lose what it has acknowledged (docs/experiments.md has the
figures). With ``appendfsync no`` every write is handed over before its answer, and we ask for the fsync. A
killed Redis then loses nothing, and a power cut at most the last second, as before.
"""

import asyncio
import os
from datetime import timedelta
from pathlib import Path

#: What a power cut may take.
INTERVAL = timedelta(seconds=1)


async def keep_flushing(data: Path, interval: timedelta = INTERVAL) -> None:
    """Flush the append-only files under ``data`` to the disk, again and again, until cancelled."""
    while True:
        await asyncio.sleep(interval.total_seconds())
        await asyncio.to_thread(flush, data)


def flush(data: Path) -> int:
    """Flush the append-only files, of any version's layout; return how many there were."""
    files = [*data.glob("appendonly.aof"), *data.glob("appendonlydir/*")]
    return sum(_flush_one(file) for file in files)


def _flush_one(file: Path) -> bool:
    try:
        descriptor = os.open(file, os.O_RDONLY)
    except FileNotFoundError:  # replaced by a rewrite; its successor is flushed next time
        return False
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return True
