"""Whether this machine and this data folder can run Barometer, before anything is started.

Each check says nothing or refuses with one sentence. Also holds the lock on the data folder.
"""

import contextlib
import errno
import fcntl
import os
import socket
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TextIO

from embedded.errors import Refused

LOCK_FILE = "barometer.lock"
#: What a killed launcher left behind needs to stop: ten seconds until Redis and MLflow are gone, and some.
LEFTOVERS = timedelta(seconds=15)


def check_port(host: str, port: int, advice: str) -> None:
    """Try to listen where a service will.

    Args:
        host: a name or address.
        port: from 1 to 65535.
        advice: what to do about a taken port, without a full stop.

    Raises:
        Refused: the port is taken, or cannot be listened on.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as listener:
            # As the servers do: connections of a former run that still linger do not matter.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Refused(f"port {port} is taken; {advice}.") from error
        if error.errno == errno.EACCES:
            raise Refused(f"port {port} is for root only; {advice}.") from error
        raise Refused(f"cannot listen on {host}: {error.strerror}; choose another with --host.") from error


def check_gateway_port(host: str, port: int) -> None:
    """Try to listen where the gateway will.

    Raises:
        Refused: the port is taken, or cannot be listened on.
    """
    other = port + 1 if port < 65535 else port - 1
    check_port(host, port, f"choose another with PORT={other} make serve, or --port {other}")


def data_folder(path: Path) -> Path:
    """Make the data folder if there is none, readable by its owner only, and return its full path.

    Raises:
        Refused: it is a file, or cannot be made or written.
    """
    folder = path.expanduser().absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / "logs").mkdir(exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise Refused(
            f"the data folder {folder} is a file, or lies in one; choose another with --data."
        ) from error
    except OSError as error:
        raise _unwritable(folder, error) from error
    return folder


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[int]:
    """Hold the data folder, and give the lock's file descriptor.

    Children that inherit the descriptor hold the lock too: after a launcher was killed, the next one
    waits until the last of them is gone, so there are never two Redis servers on one file.

    Raises:
        Refused: another launcher holds it, or it cannot be written.
    """
    try:
        file = (folder / LOCK_FILE).open("a+", encoding="ascii")
    except OSError as error:
        raise _unwritable(folder, error) from error
    with file:
        deadline = time.monotonic() + LEFTOVERS.total_seconds()
        while not _try_lock(file):
            holder = _holder(file)
            if holder is None or _is_alive(holder) or time.monotonic() > deadline:
                raise Refused(
                    f"another Barometer runs on this data folder (pid {holder or 'unknown'}): stop it, or "
                    "choose another folder with --data."
                )
            time.sleep(0.1)
        file.seek(0)
        file.truncate()
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield file.fileno()


def log_file(folder: Path, name: str) -> Path:
    """Return the file for a part's chatter, empty; that of the run before is kept beside it."""
    file = folder / "logs" / f"{name}.log"
    if file.exists():
        file.replace(file.with_suffix(".log.1"))
    return file


def _try_lock(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(file: TextIO) -> int | None:
    """Return the pid in the lock file; None if its holder has not written it yet."""
    file.seek(0)
    text = file.read().strip()
    return int(text) if text.isdecimal() else None


def _is_alive(pid: int) -> bool:
    """Whether the process runs; one that is dead and not yet buried by its parent does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def _unwritable(folder: Path, error: OSError) -> Refused:
    return Refused(
        f"the data folder {folder} cannot be written ({error.strerror}); choose another with --data."
    )
