"""A process apart, as its caller sees it: results, progress, errors, death."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from trainer.apart import Apart, apart
from trainer.errors import BadData, TrainingDied


def halve(number, progress):
    progress("halving", 0.5)
    return number / 2, os.getpid()


def refuse(words, progress):
    raise BadData(words)


def die(how, progress):
    os.kill(os.getpid(), how)


def wait_for_ever(told, progress):
    progress(str(os.getpid()), 0.0)
    signal.pause()


@pytest.fixture(scope="module")
def process():
    with apart() as process:
        yield process


def test_it_answers_and_tells_how_far_it_is(process: Apart):
    heard = []
    (half, there) = process.call(halve, 3, lambda *said: heard.append(said))
    assert (half, heard) == (1.5, [("halving", 0.5)])
    assert there != os.getpid()
    assert process.call(halve, 8, lambda *_: None) == (4.0, there), "one process for all calls"


def test_what_is_raised_there_is_raised_here_and_says_where(process: Apart):
    with pytest.raises(BadData, match="no rows") as raised:
        process.call(refuse, "no rows", lambda *_: None)
    assert "in refuse" in raised.value.__notes__[0]
    assert process.call(halve, 2, lambda *_: None)[0] == 1.0, "and it goes on"


def test_a_process_that_dies_is_told_of():
    with apart() as process, pytest.raises(TrainingDied, match="perhaps memory ran out"):
        process.call(die, signal.SIGKILL, lambda *_: None)


def test_whoever_stops_waiting_leaves_no_process_behind():
    pids = []

    def stop(words, share):
        pids.append(int(words))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), apart() as process:
        process.call(wait_for_ever, None, stop)
    assert not Path(f"/proc/{pids[0]}").exists()


def test_it_ends_with_whoever_asked_however_that_ends():
    """Else two trainings write to the same checkpoints: the one that nobody waits for, and the next one."""
    code = (
        "from trainer.apart import apart\n"
        "from tests.trainer.test_apart import wait_for_ever\n"
        "with apart() as process:\n"
        "    process.call(wait_for_ever, None, lambda words, share: print(words, flush=True))\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as asking:
        assert asking.stdout is not None
        there = psutil.Process(int(asking.stdout.readline()))
        asking.kill()
    until = time.monotonic() + 10
    while there.is_running() and there.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < until, "it goes on for nobody"
        time.sleep(0.05)
