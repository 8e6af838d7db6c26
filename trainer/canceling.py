"""A training that is canceled ends at its next step, and puts away what it has in hand.

The queue's worker sends SIGTERM first, and kills what has not ended a while later (``trainer.work``). An
exception out of the signal's handler would end it sooner, and anywhere: also within a transaction of MLflow's
database, which then stays locked for those who want to write down that it was canceled.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from trainer.errors import Stopped


class Canceling:
    """Whether somebody has canceled the training."""

    def __init__(self) -> None:
        self._is_asked = False

    def check(self) -> None:
        """Raise ``Stopped`` if so; called between two steps."""
        if self._is_asked:
            raise Stopped

    def ask(self, number: int, frame: FrameType | None) -> None:
        """Be the handler of a signal."""
        del number, frame
        self._is_asked = True


@contextmanager
def cancelable() -> Iterator[Canceling]:
    """Listen to SIGTERM within the block; once ``Stopped`` has left it, end the process by the signal."""
    canceling = Canceling()
    before = signal.signal(signal.SIGTERM, canceling.ask)
    try:
        yield canceling
    except Stopped:
        # RQ calls a job stopped if its process ended by a signal, and failed if it ended by itself.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
