"""Lines with the priority that the journal reads, there and nowhere else."""

import logging
import os
import subprocess
import sys

import pytest

from telemetry.journal import priority

PROGRAM = "import logging; from {0}.logging import configure; configure('INFO'); logging.warning('away')"


@pytest.mark.parametrize("service", ["gateway", "worker", "monitoring", "trainer"])
def test_a_warning_is_one_for_the_journal(service: str) -> None:
    read, write = os.pipe()
    found = os.fstat(write)
    environment = os.environ | {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
    command = [sys.executable, "-c", PROGRAM.format(service)]
    subprocess.run(command, stderr=write, env=environment, check=True)
    os.close(write)
    with os.fdopen(read) as lines:
        assert lines.readline().startswith('<4>{"level": "WARNING"')


def test_elsewhere_a_line_is_as_it_is() -> None:
    environment = os.environ | {"JOURNAL_STREAM": "1:1"}
    command = [sys.executable, "-c", PROGRAM.format("gateway")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert done.stderr.startswith('{"level": "WARNING"')


def test_every_level_has_a_priority() -> None:
    levels = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL)
    assert [priority(level) for level in levels] == [7, 6, 4, 3, 2]
