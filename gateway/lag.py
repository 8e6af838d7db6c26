"""How late this process is: the time by which its event loop comes after what was asked of it.

A gateway that is asked for more than its core can do shows it here first. Requests then wait in the kernel,
where no bound of ours reaches, so creates are refused before they are read.
"""

import asyncio

from gateway.errors import Overloaded

#: How often it is measured.
EVERY_S = 0.05
#: Later than this twice in a row, and a create is refused: a few times what a busy loop takes for one round.
MOST_S = 0.25


class Lag:
    """A measurement that goes on for as long as the gateway lives."""

    def __init__(self) -> None:
        self._late_s = self._last_s = 0.0
        self._next = 0.0

    async def run(self) -> None:
        """Measure, again and again."""
        loop = asyncio.get_running_loop()
        while True:
            self._next = loop.time() + EVERY_S
            await asyncio.sleep(EVERY_S)
            before, self._last_s = self._last_s, loop.time() - self._next
            # Late once is a pause of the machine, or of a first request's imports; overload stays.
            self._late_s = min(before, self._last_s)

    def check(self) -> None:
        """Let a request pass, or not.

        Raises:
            Overloaded: what is asked now would be answered too late.
        """
        if self._late_s > MOST_S:
            raise Overloaded("More is asked than can be answered in time. Try again shortly.")
