"""Log lines that systemd's journal knows the priority of: ``journalctl -p warning`` finds what it should.

sd-daemon(3): a line that begins with ``<4>`` is a warning. Elsewhere lines are as they are.
"""

import logging
import os
import sys

#: syslog(3) has eight, Python five.
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_DEBUG = 7


class Handler(logging.StreamHandler):  # type: ignore[type-arg]  # not generic at run time
    """Writes to stderr, with the priority in front where the journal reads it."""

    def __init__(self) -> None:
        super().__init__()
        self._is_read_by_journal = _is_journal()

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = super().format(record)
        return f"<{priority(record.levelno)}>{line}" if self._is_read_by_journal else line


def priority(level: int) -> int:
    """Return syslog's number for a level of Python's."""
    return next((number for least, number in _PRIORITIES if level >= least), _DEBUG)


def _is_journal() -> bool:
    """Whether stderr is the stream that systemd names by device and inode (systemd.exec(5))."""
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"
