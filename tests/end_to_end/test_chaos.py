"""Two minutes of random strikes on every process, with a ledger outside that must balance."""

import json
import subprocess
import sys

import pytest

from benchmarks.chaos.plan import DECK
from tests.end_to_end.barometer import REPOSITORY, environment


@pytest.mark.timeout(900)
def test_every_accepted_prediction_ends_once_whatever_is_killed(tmp_path) -> None:
    done = subprocess.run(
        [
            sys.executable, "-m", "benchmarks.chaos", "--minutes", "2", "--every", "7", "--seed", "5",
            "--results", str(tmp_path),
        ],
        check=False, cwd=REPOSITORY, env=environment(), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-5000:]
    report = json.loads((tmp_path / "chaos.json").read_text())
    assert report["balances"]
    assert report["verdict"]["accepted"] > 1000
    assert report["verdict"]["labels_compared"] > 1000
    assert report["verdict"]["webhooks_expected"] > 500
    strikes = [one["strike"] for one in report["strikes"]]
    assert {(one["kind"], one["service"]) for one in strikes} == {tuple(one) for one in DECK}
    # They were not struck idle: some had work in their hands, and it was done again.
    assert sum(one["held"] or 0 for one in strikes) > 0
    assert report["verdict"]["second_attempts"] > 0
    assert all(one["next_s"] is not None for one in report["strikes"])
