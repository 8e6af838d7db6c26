"""Programs that a benchmark starts, and that are gone when it ends, however it ends."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

#: Until a program that was asked to stop is killed.
PATIENCE_S = 10.0
#: Until a server that does not listen yet is given up: one that loads a large model first takes a while.
START_S = 120


@contextmanager
def running(
    command: Sequence[str],
    log: Path,
    environment: Mapping[str, str] | None = None,
    core: int | None = None,
    patience_s: float = PATIENCE_S,
) -> "Iterator[subprocess.Popen[bytes]]":
    """Run a program beside the block; afterwards it and all it started are gone.

    Args:
        log: where what it prints goes.
        environment: on top of ours.
        core: the one processor it may use.
        patience_s: how long it may take to stop before it is killed.
    """
    pinned = [] if core is None else ["taskset", "--cpu-list", str(core)]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*pinned, *command],
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            # A group of its own: Ctrl-C reaches us alone, and we stop things in order.
            start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        _stop(process, patience_s)


def _stop(process: "subprocess.Popen[bytes]", patience_s: float) -> None:
    try:
        process.terminate()
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        pass
    finally:
        # Children that outlived it, and it too if it would not stop, or if we were told to hurry.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def free_port() -> int:
    """Return a port that nobody listens on just now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def listening(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    """Wait until a program listens.

    Raises:
        SystemExit: it ended before, or takes too long.
    """
    deadline = time.monotonic() + START_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"a server did not start:\n{tail(log)}") from None
            time.sleep(0.05)
        else:
            return


def tail(log: Path) -> str:
    """Return the end of what a program printed."""
    return log.read_text(errors="replace")[-2000:] if log.exists() else ""


def stop_on_sigterm() -> None:
    """Let SIGTERM unwind the stack as Ctrl-C does, so that what was started is stopped."""

    def leave(number: int, frame: FrameType | None) -> None:
        del number, frame
        sys.exit("stopped")

    signal.signal(signal.SIGTERM, leave)
