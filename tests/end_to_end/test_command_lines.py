"""Each service says how it is used."""

import subprocess
import sys

import pytest

from tests.end_to_end.barometer import environment


@pytest.mark.parametrize("name", ["embedded", "gateway", "worker", "trainer", "monitoring"])
def test_help_shows_an_example(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", name, "--help"],
        check=False,
        capture_output=True,
        text=True,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr
    _, heading, examples = done.stdout.partition("Examples:")
    assert heading
    assert f"python -m {name}" in examples
