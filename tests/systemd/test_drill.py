"""The restore drill of every night, as the workflow runs it."""

import pytest

from tests.systemd.borrowed import SOURCE, borrowed


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_was_there_is_there_after_a_restore(kind: str) -> None:
    with borrowed(12) as host:
        script = f"{SOURCE}/.github/scripts/restore-drill {kind}"
        said = host.run(f". /root/environment; {script} 2>&1", timeout=900)
        assert "is back" in said
