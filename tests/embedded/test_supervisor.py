"""Start order, readiness, failure and stop order, with small real processes."""

import asyncio
import os
import sys
from datetime import timedelta

import pytest

from embedded.children import Spec, Surroundings
from embedded.errors import PartFailed
from embedded.supervisor import Part, Supervisor, Task, wait_until

#: Writes what happens to it into the file ``journal``, and stops when asked.
STAYS = """
import signal, sys, time
def note(what):
    with open("{journal}", "a") as journal:
        journal.write("{name} " + what + "\\n")
def stop(*_):
    time.sleep({stopping})
    note("stopped")
    sys.exit()
signal.signal(signal.SIGTERM, stop)
time.sleep({starting})
note("started")
while True:
    time.sleep(60)
"""


@pytest.fixture
def journal(tmp_path):
    file = tmp_path / "journal"
    file.touch()
    return file


@pytest.fixture
def stays(journal):
    """A part that is up once it has noted its start."""

    def make(name, *after, starting=0.0, stopping=0.0):
        code = STAYS.format(journal=journal, name=name, starting=starting, stopping=stopping)

        async def is_up():
            return f"{name} started" in journal.read_text()

        return Part(spec=spec(name, code), after=after, is_up=is_up)

    return make


def spec(name, code, chatter=None):
    return Spec(name=name, command=[sys.executable, "-c", code], chatter=chatter)


def task(name, code, *after, is_done=False):
    async def probe():
        return is_done

    return Task(spec=spec(name, code), after=after, is_done=probe)


async def run(parts, patience=timedelta(seconds=20)):
    """Run the parts until all are up, then stop them."""
    supervisor = Supervisor(parts, Surroundings(os.environ, (), lambda *_: None), patience)
    up = asyncio.Event()

    async def when_up():
        up.set()

    work = asyncio.create_task(supervisor.run(when_up))
    waiting = asyncio.create_task(up.wait())
    try:
        await asyncio.wait([work, waiting], return_when=asyncio.FIRST_COMPLETED, timeout=30)
        if work.done():
            await work
        assert up.is_set()
    finally:
        for one in (work, waiting):
            one.cancel()
        await asyncio.gather(work, waiting, return_exceptions=True)
        await supervisor.stop()


async def test_parts_start_after_what_they_need_and_stop_in_reverse(stays, journal):
    note = f"open({str(journal)!r}, 'a').write('trainer done\\n')"
    await run(
        [
            stays("redis", starting=0.3),
            stays("mlflow", "redis", starting=0.3),
            task("trainer", note, "mlflow"),
            stays("worker", "trainer"),
            stays("gateway", "worker", stopping=0.3),
        ]
    )
    assert journal.read_text().splitlines() == [
        "redis started",
        "mlflow started",
        "trainer done",
        "worker started",
        "gateway started",
        "gateway stopped",
        "worker stopped",
        "mlflow stopped",
        "redis stopped",
    ]


async def test_the_workers_stop_together(stays, journal):
    # A worker that stops after its brother only if they were asked at the same time.
    await run([stays("redis"), stays("worker-1", stopping=0.2), stays("worker-2", stopping=1.0)])
    assert journal.read_text().splitlines()[-3:] == ["worker-1 stopped", "worker-2 stopped", "redis stopped"]


async def test_a_task_that_is_done_already_is_not_started(stays, journal):
    await run(
        [
            stays("mlflow"),
            task("trainer", "raise SystemExit(1)", "mlflow", is_done=True),
            stays("w", "trainer"),
        ]
    )
    assert "w started" in journal.read_text()


async def test_a_task_that_fails_stops_everything(stays, journal):
    with pytest.raises(PartFailed, match="trainer failed with exit code 7"):
        await run(
            [stays("mlflow"), task("trainer", "raise SystemExit(7)", "mlflow"), stays("worker", "trainer")]
        )
    assert journal.read_text().splitlines() == ["mlflow started", "mlflow stopped"]


async def test_a_part_that_dies_before_it_is_up_shows_its_last_lines(tmp_path):
    async def never():
        return False

    dies = spec("redis", "print('out of sand'); raise SystemExit(2)", chatter=tmp_path / "redis.log")
    with pytest.raises(PartFailed, match=r"redis stopped with exit code 2 instead of starting") as failure:
        await run([Part(spec=dies, is_up=never)])
    assert failure.value.tail == ("out of sand",)
    explained = Part(spec=dies, is_up=never, diagnose=lambda tail: f"buy {tail[-1].split()[-1]}.")
    with pytest.raises(PartFailed, match=r"^buy sand\.$"):
        await run([explained])


async def test_a_part_that_hangs_is_given_up(stays):
    with pytest.raises(PartFailed, match="gateway was not ready after 0 s"):
        await run([stays("gateway", starting=50)], patience=timedelta(milliseconds=300))


async def test_a_part_that_dies_once_it_is_up_is_restarted(journal):
    code = f"open({str(journal)!r}, 'a').write('start\\n'); import time; time.sleep(0.1 if {{}} else 60)"
    first = f"open({str(journal)!r}).read().count('start') == 1"
    supervisor = Supervisor(
        [Part(spec=spec("worker", code.format(first)))], Surroundings(os.environ, (), lambda *_: None)
    )

    async def nothing():
        pass

    async def started_twice():
        return journal.read_text().count("start") == 2

    work = asyncio.create_task(supervisor.run(nothing))
    await wait_until("the restart", started_twice, timedelta(seconds=20))
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    await supervisor.stop()


async def test_stopping_what_never_started_is_harmless(stays):
    await Supervisor([stays("redis")], Surroundings(os.environ, (), lambda *_: None)).stop()
