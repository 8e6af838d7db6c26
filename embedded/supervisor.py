"""In what order parts start, when each is up, and how all of them stop.

Knows parts by name only; what they are is said in ``services``.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby

from embedded.children import Child, Spec, Surroundings, ending
from embedded.errors import PartFailed

log = logging.getLogger(__name__)

Probe = Callable[[], Awaitable[bool]]

#: How often a probe is asked while it says no.
POLL = timedelta(milliseconds=100)
#: How often a wait is mentioned in the log.
MENTION = timedelta(seconds=10)
#: A part that is not up by then hangs. MLflow's first start on a small, busy host takes a minute.
PATIENCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A process that stays.

    ``after`` names the parts that must be up before it starts. ``is_up`` is asked until it says yes;
    None means up as soon as it runs. ``diagnose`` turns its last lines into a sentence.
    """

    spec: Spec
    after: Sequence[str] = ()
    is_up: Probe | None = None
    diagnose: Callable[[Sequence[str]], str | None] = lambda _: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A process that must end well before what comes after it; not started if ``is_done`` says so."""

    spec: Spec
    after: Sequence[str]
    is_done: Probe


class Supervisor:
    """Runs parts, given in start order; they stop in the reverse order.

    A death before a part was up is a failure to start; after that it is restarted.
    """

    def __init__(
        self, parts: Sequence[Part | Task], surroundings: Surroundings, patience: timedelta = PATIENCE
    ) -> None:
        self._parts = parts
        self._patience = patience
        self._children = {part.spec.name: Child(part.spec, surroundings) for part in parts}
        self._up = {part.spec.name: asyncio.Event() for part in parts}

    async def run(self, when_up: Callable[[], Awaitable[None]]) -> None:
        """Start all parts, call ``when_up`` once all are up, and keep them running until cancelled.

        Does not stop them: call ``stop`` whatever happened here.

        Raises:
            PartFailed: a part did not come up, or keeps dying.
        """
        running = [asyncio.create_task(self._run(part)) for part in self._parts]
        running.append(asyncio.create_task(self._call(when_up)))
        try:
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def stop(self) -> None:
        """Stop every part, the last first; the workers, which are many, together."""
        for service, parts in groupby(reversed(self._parts), key=lambda part: _service(part.spec.name)):
            log.debug("service.stopping", extra={"service": service})
            await asyncio.gather(*(self._children[part.spec.name].stop() for part in parts))

    def kill(self) -> None:
        """Kill every process at once."""
        for child in self._children.values():
            child.kill()

    async def _call(self, when_up: Callable[[], Awaitable[None]]) -> None:
        for up in self._up.values():
            await up.wait()
        await when_up()

    async def _run(self, part: Part | Task) -> None:
        name = part.spec.name
        for needed in part.after:
            await self._up[needed].wait()
        child = self._children[name]
        if isinstance(part, Task):
            await self._complete(part, child)
            self._up[name].set()
            return
        log.info("process.starting", extra={"part": name})
        await child.start()
        if part.is_up:
            await wait_until(name, part.is_up, self._patience, lambda: self._check_alive(part, child))
            log.info("process.up", extra={"part": name, "pid": child.pid})
        self._up[name].set()
        await child.keep()

    async def _complete(self, task: Task, child: Child) -> None:
        if await task.is_done():
            return
        log.info("process.starting", extra={"part": task.spec.name})
        await child.start()
        code = await child.exited()
        if code != 0:
            raise PartFailed(f"{task.spec.name} failed with {ending(code)}; {child.whereabouts()}.")

    @staticmethod
    def _check_alive(part: Part, child: Child) -> None:
        if child.exit_code is None:
            return
        tail = part.spec.tail()
        sentence = part.diagnose(tail)
        if sentence:
            raise PartFailed(sentence)
        raise PartFailed(
            f"{part.spec.name} stopped with {ending(child.exit_code)} instead of starting; "
            f"{child.whereabouts()}.",
            tail,
        )


async def wait_until(
    what: str, probe: Probe, patience: timedelta = PATIENCE, check: Callable[[], None] = lambda: None
) -> None:
    """Ask ``probe`` until it says yes, and mention a long wait in the log.

    Args:
        what: the name of what is waited for.
        probe: what to ask.
        patience: how long to ask.
        check: called before each question; raises to end the wait.

    Raises:
        PartFailed: ``patience`` is over.
    """
    loop = asyncio.get_running_loop()
    start = mentioned = loop.time()
    while True:
        check()
        if await probe():
            return
        now = loop.time()
        if now - start > patience.total_seconds():
            raise PartFailed(
                f"{what} was not ready after {patience.total_seconds():.0f} s, so all was stopped."
            )
        if now - mentioned > MENTION.total_seconds():
            mentioned = now
            log.info("waiting", extra={"for": what, "since_s": round(now - start)})
        await asyncio.sleep(POLL.total_seconds())


def _service(name: str) -> str:
    return name.partition("-")[0]
