"""One process: started, read, restarted when it dies, stopped.

Knows nothing of what runs in it, nor of the other processes.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import NoReturn

from embedded.errors import PartFailed
from embedded.lifeline import tied
from embedded.output import follow

log = logging.getLogger(__name__)

#: Long enough not to spin, short enough that a client's retry finds the service again.
RESTART_AFTER = timedelta(seconds=1)
#: This many deaths in that time are no accident.
DEATHS, WITHIN = 5, timedelta(seconds=60)
#: After this long a process that was asked to stop is killed.
GRACE = timedelta(seconds=10)
#: How many lines of a log file tell why a process failed.
TAIL = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What to run. ``chatter`` is the file that takes its output; None shows it on the terminal."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    chatter: Path | None = None

    def tail(self) -> list[str]:
        """Return the last lines of the chatter file, none if the output went to the terminal."""
        if self.chatter is None or not self.chatter.exists():
            return []
        return self.chatter.read_text(errors="replace").splitlines()[-TAIL:]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all children share: environment, file descriptors they inherit, and who shows their lines."""

    environment: Mapping[str, str]
    inherited: Sequence[int]
    show: Callable[[str, str], None]


class Child:
    """One process, and its successors after a death.

    Each runs in a session of its own: the terminal's Ctrl-C reaches only the launcher, and the whole
    group can be killed.
    """

    def __init__(self, spec: Spec, surroundings: Surroundings) -> None:
        self.spec = spec
        self._surroundings = surroundings
        self._process: Process | None = None
        self._reader: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The process id, None before the first start."""
        return self._process.pid if self._process else None

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative is the number of the signal that killed it."""
        return self._process.returncode if self._process else None

    async def start(self) -> None:
        """Start the process; returns at once."""
        with contextlib.ExitStack() as files:
            self._process = await asyncio.create_subprocess_exec(
                *tied(self.spec.command),
                stdin=DEVNULL,
                stdout=await self._open_output(files),
                stderr=STDOUT,
                env={**self._surroundings.environment, **self.spec.environment},
                start_new_session=True,
                pass_fds=self._surroundings.inherited,
            )
        log.debug("process.started", extra={"part": self.spec.name, "pid": self.pid})

    async def exited(self) -> int:
        """Wait for the end of the process and return its exit code, or the negative signal number."""
        assert self._process is not None, "wait for a child only after its start"
        code = await self._process.wait()
        # Its own children too: a leftover would hold the port that its successor needs.
        self.kill()
        if self._reader:
            # The pipe ends when the last process that holds it does; a stray one must not hold us.
            await asyncio.wait([self._reader], timeout=1)
            self._reader.cancel()
        return code

    async def keep(self, pause: timedelta = RESTART_AFTER) -> NoReturn:
        """Restart the process each time it dies, after ``pause``.

        Raises:
            PartFailed: it died five times within a minute.
        """
        loop = asyncio.get_running_loop()
        deaths: deque[float] = deque(maxlen=DEATHS)
        while True:
            code = await self.exited()
            deaths.append(loop.time())
            if is_hopeless(deaths):
                raise PartFailed(
                    f"{self.spec.name} died {DEATHS} times within {WITHIN.seconds} s (the last time by "
                    f"{ending(code)}), so everything was stopped; {self.whereabouts()}.",
                    self.spec.tail(),
                )
            await asyncio.sleep(pause.total_seconds())
            await self.start()
            log.warning("process.restarted", extra={"part": self.spec.name, "died_by": ending(code)})

    async def stop(self, grace: timedelta = GRACE) -> None:
        """Ask the process to stop, and kill its group after ``grace``. Harmless if it never ran."""
        if self._process is None:
            return
        if self.exit_code is None:
            self._process.terminate()
        try:
            async with asyncio.timeout(grace.total_seconds()):
                await self._process.wait()
        except TimeoutError:
            log.warning("process.killed", extra={"part": self.spec.name, "after_s": grace.total_seconds()})
            self.kill()
        await self.exited()

    def kill(self) -> None:
        """Kill what is left of the process' group, at once."""
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    def whereabouts(self) -> str:
        """Say where the lines of this process are."""
        return f"the end of {self.spec.chatter} says why" if self.spec.chatter else "its lines above say why"

    async def _open_output(self, files: contextlib.ExitStack) -> int:
        """Return the file descriptor the process writes to; ours is closed with ``files``."""
        if self.spec.chatter:
            return files.enter_context(self.spec.chatter.open("ab")).fileno()
        read_end, write_end = os.pipe()
        files.callback(os.close, write_end)
        self._reader = await follow(read_end, partial(self._surroundings.show, self.spec.name))
        return write_end


def python(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module in our environment."""
    return [sys.executable, "-m", module, *arguments]


def is_hopeless(deaths: Sequence[float]) -> bool:
    """Whether these deaths, in seconds and the latest last, are too many in too short a time."""
    return len(deaths) >= DEATHS and deaths[-1] - deaths[-DEATHS] <= WITHIN.total_seconds()


def ending(code: int) -> str:
    """Say how a process ended: ``exit code 3`` or ``SIGKILL``."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
