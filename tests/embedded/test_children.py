"""One real process: read, restarted, stopped, and never left behind."""

import asyncio
import os
import signal
import sys
from datetime import timedelta

import pytest

from embedded.children import Child, Spec, Surroundings, ending, is_hopeless
from embedded.errors import PartFailed, Refused
from embedded.preflight import locked
from tests.embedded.processes import is_running


@pytest.fixture
def shown():
    return []


@pytest.fixture
async def child(shown):
    """Makes children of a piece of Python; what is left at the end of the test is killed."""
    made = []

    def make(code, **spec):
        surroundings = Surroundings({**os.environ, "GIVEN": "yes"}, (), lambda part, line: shown.append(line))
        made.append(
            Child(Spec(name="part", command=[sys.executable, "-u", "-c", code], **spec), surroundings)
        )
        return made[-1]

    yield make
    for one in made:
        await one.stop(timedelta(0))


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_lines_of_both_streams_are_shown_with_the_environment_it_was_given(child, shown):
    one = child(
        "import os, sys; print(os.environ['GIVEN'], os.environ['MORE']); sys.stderr.write('no break')",
        environment={"MORE": "too"},
    )
    await one.start()
    assert await one.exited() == 0
    assert sorted(shown) == ["no break", "yes too"]


async def test_a_line_of_a_megabyte_and_bytes_that_are_no_text_do_no_harm(child, shown):
    one = child("import sys; sys.stdout.buffer.write(b'x' * 1_000_000 + b'\\n\\xff\\n')")
    await one.start()
    await one.exited()
    assert sum(line.count("x") for line in shown) == 1_000_000
    assert shown[-1] == "\N{REPLACEMENT CHARACTER}"


async def test_chatter_goes_to_its_file_and_not_to_the_terminal(child, shown, tmp_path):
    one = child("for n in range(20): print('line', n)", chatter=tmp_path / "part.log")
    await one.start()
    await one.exited()
    assert shown == []
    assert one.spec.tail() == [f"line {n}" for n in range(8, 20)]


async def test_a_program_that_is_not_there_says_so(shown):
    spec = Spec(name="part", command=["/nowhere/server"])
    one = Child(spec, Surroundings(os.environ, (), lambda part, line: shown.append(line)))
    await one.start()
    assert await one.exited() == 1
    assert shown == ["cannot run /nowhere/server: No such file or directory"]


async def test_a_killed_child_is_restarted(child):
    one = child("import time; time.sleep(60)")
    await one.start()
    first = one.pid
    keeping = asyncio.create_task(one.keep())
    os.kill(first, signal.SIGKILL)
    await until(lambda: one.pid != first)
    assert is_running(one.pid)
    keeping.cancel()


async def test_five_deaths_within_a_minute_are_the_end(child, tmp_path):
    one = child(f"open({str(tmp_path / 'starts')!r}, 'a').write('.'); raise SystemExit(3)")
    await one.start()
    with pytest.raises(PartFailed, match=r"part died 5 times within 60 s \(the last time by exit code 3\)"):
        await one.keep(pause=timedelta(0))
    assert (tmp_path / "starts").read_text() == "....."


def test_only_deaths_close_together_are_hopeless():
    assert not is_hopeless([0, 1, 2, 3])
    assert is_hopeless([0, 1, 2, 3, 60])
    assert not is_hopeless([0, 1, 2, 3, 60.1])
    assert is_hopeless([0, 100, 101, 102, 103, 104])


async def test_a_child_holds_the_lock_on_the_data_folder_for_as_long_as_it_lives(tmp_path):
    spec = Spec(name="part", command=[sys.executable, "-c", "import time; time.sleep(60)"])
    with locked(tmp_path) as lock:
        one = Child(spec, Surroundings(os.environ, (lock,), lambda *_: None))
        await one.start()
    with pytest.raises(Refused), locked(tmp_path):
        pass
    await one.stop()
    with locked(tmp_path):
        pass


async def test_stop_asks_first(child, shown):
    one = child(
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(print('in order')))\n"
        "print('ready'); time.sleep(60)"
    )
    await one.start()
    await until(lambda: shown)
    await one.stop()
    assert shown == ["ready", "in order"]
    assert one.exit_code == 0


async def test_a_child_that_does_not_listen_is_killed(child, shown):
    one = child(
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready'); time.sleep(60)"
    )
    await one.start()
    await until(lambda: shown)
    await one.stop(timedelta(milliseconds=200))
    assert one.exit_code == -signal.SIGKILL


async def test_children_of_a_child_that_was_killed_do_not_stay(child, shown):
    one = child(
        "import subprocess, sys, time\n"
        "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid); time.sleep(60)"
    )
    await one.start()
    await until(lambda: shown)
    assert is_running(int(shown[0]))
    os.kill(one.pid, signal.SIGKILL)
    async with asyncio.timeout(10):
        await one.exited()
    await until(lambda: not is_running(int(shown[0])))


async def test_the_terminals_ctrl_c_does_not_reach_a_child(child, shown):
    one = child("import os; print(os.getpgrp() == os.getpid(), os.getsid(0) == os.getpid())")
    await one.start()
    await one.exited()
    assert shown == ["True True"]


def test_an_ending_has_a_name():
    assert [ending(0), ending(3), ending(-9), ending(-40)] == [
        "exit code 0",
        "exit code 3",
        "SIGKILL",
        "signal 40",
    ]
