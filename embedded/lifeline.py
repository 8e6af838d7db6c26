"""Run a program so that it gets SIGTERM when the launcher dies, however the launcher dies.

A program of its own, started by path and without site-packages: it costs 20 ms. ``setpriv --pdeathsig``
does nearly the same, but is not on every Linux and misses a launcher that is dead already.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

#: From <sys/prctl.h>. The kernel keeps the setting across exec, and drops it at fork.
PR_SET_PDEATHSIG = 1


def tied(command: Sequence[str]) -> list[str]:
    """Return the command that runs ``command`` tied to the life of this process."""
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *command]


def main() -> None:
    """Become the program named in the arguments."""
    launcher, *command = sys.argv[1:]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    # Looked at after the call above: a launcher that died before it sends no signal any more.
    if os.getppid() != int(launcher):
        sys.exit("the launcher is gone")
    # Python ignores these two, and the program would inherit that.
    for name in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(name, signal.SIG_DFL)
    try:
        os.execvp(command[0], command)  # noqa: S606
    except OSError as error:
        sys.exit(f"cannot run {command[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
