"""Calls functions in a process apart, and hears how far they are.

TensorFlow and torch, loaded into one process, end it; so what brings one of them beside the other runs in a
process of its own, whose memory goes back with it. Knows nothing of what is called.
"""

import os
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from trainer.errors import TrainingDied
from trainer.families.family import Progress

#: The first word of each message of the process: a share that is done, the result, or what was raised.
_PROGRESS, _RESULT, _RAISED = "progress", "result", "raised"

Asked = TypeVar("Asked")
Result = TypeVar("Result")


class Apart:
    """A process that does one call after the other, so that its libraries are imported once."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def call(self, function: Callable[[Asked, Progress], Result], asked: Asked, progress: Progress) -> Result:
        """Call ``function(asked, progress)`` there; function, argument and result must travel (pickle).

        Raises:
            TrainingDied: the process ended, for want of memory perhaps.
            Exception: what the function raised, with its traceback as a note.
        """
        try:
            self._pipe.send((function, asked))
            while True:
                kind, value = self._pipe.recv()
                if kind == _RAISED:
                    raise value
                if kind == _RESULT:
                    result: Result = value
                    return result
                progress(*value)
        except (EOFError, BrokenPipeError, ConnectionResetError) as error:
            raise TrainingDied(
                "the process that trained died: perhaps memory ran out; asked again, it goes on"
            ) from error


@contextmanager
def apart() -> Iterator[Apart]:
    """Start a process; it ends with the block, also in the middle of a call."""
    # Not forked: a copy of a process that has threads and libraries at work is where the trouble begins.
    context = get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there,))
    process.start()
    # Only the process holds its end now: when it dies, whoever waits for it hears so.
    there.close()
    try:
        yield Apart(here)
    finally:
        here.close()
        process.kill()
        process.join()


def _serve(pipe: Connection) -> None:
    """Do what is asked until the other end is closed."""
    threading.Thread(target=_end_with_parent, daemon=True).start()

    def progress(words: str, share: float) -> None:
        pipe.send((_PROGRESS, (words, share)))

    while True:
        try:
            function, asked = pipe.recv()
        except EOFError:
            return
        pipe.send(_answer(function, asked, progress))


def _end_with_parent() -> None:
    """End when the process that asked has ended, in the middle of a call too: nobody wants its result."""
    parent = parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


def _answer(function: Callable[[Any, Progress], Any], asked: object, progress: Progress) -> tuple[str, Any]:
    try:
        return _RESULT, function(asked, progress)
    except Exception as error:  # noqa: BLE001  # raised again on the other side
        # Tracebacks do not travel, notes do.
        error.add_note(traceback.format_exc())
        return _RAISED, error
