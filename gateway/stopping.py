"""Hearing that the process is to stop when it is told, not when the last connection has closed.

The server ends the lifespan after all answers have ended. An answer that goes on for as long as a prediction
takes must be told before.
"""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def told_to_stop(stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` on the loop at SIGTERM and SIGINT, before whoever handled them until now (the server).

    Outside the main thread nobody is told of signals; there it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def heard(number: int, frame: FrameType | None) -> None:
        # A gateway that stopped before one that began after it may still stand in the chain.
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop)
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    # Where nobody handles it, the process ends by it as it did.
    ours = [number for number, handler in before.items() if callable(handler)]
    for number in ours:
        signal.signal(number, heard)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, before[number])
