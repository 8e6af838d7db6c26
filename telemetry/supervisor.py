"""What a service and its supervisor say to each other, in systemd's words: ready, still well, stopping.

The protocols are sd_notify(3), sd_listen_fds(3) and systemd's credentials: a datagram, and variables in the
environment. Without a supervisor every function here does nothing. Knows no service.
"""

import os
import socket
import time
from typing import Any

#: Where sd_listen_fds(3) begins to count.
FIRST_INHERITED = 3


def notify(*states: str) -> None:
    """Tell the supervisor ``READY=1``, ``STOPPING=1``, ``STATUS=...``; nothing where there is none."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        # "@" is how systemd writes an abstract address.
        channel.sendto("\n".join(states).encode(), "\0" + address[1:] if address[0] == "@" else address)


def inherited_socket() -> socket.socket | None:
    """Return the listening socket that the supervisor holds for this process, or None."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDS", "0") == "0":
        return None
    return socket.socket(fileno=FIRST_INHERITED)


def credentials() -> dict[str, Any]:
    """Return what makes pydantic-settings read the credentials of this service, a file for each variable."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return {"_secrets_dir": folder} if folder else {}


class Watchdog:
    """Tells the supervisor that this process is well, three times in the time that it allows."""

    def __init__(self) -> None:
        is_ours = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        allowed_us = int(os.environ.get("WATCHDOG_USEC", "0")) if is_ours else 0
        self._every_s = allowed_us / 3e6
        self._due = 0.0

    def feed(self) -> None:
        """Say so, if it is time; call it wherever a healthy process comes by."""
        now = time.monotonic()
        if self._every_s and now >= self._due:
            self._due = now + self._every_s
            notify("WATCHDOG=1")
