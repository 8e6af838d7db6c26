"""The restore drill of every night, as the workflow runs it."""

import pytest

from tests.systemd.borrowed import SOURCE, borrowed


@pytest.mark.slow
def test_what_was_there_is_there_after_a_restore() -> None:
    with borrowed(12) as host:
        said = host.run(f". /root/environment; {SOURCE}/.github/scripts/restore-drill 2>&1", timeout=600)
        assert "is back" in said
