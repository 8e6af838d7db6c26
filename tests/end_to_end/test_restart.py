"""Ctrl-C, and a second start on the same folder."""

import httpx2

from tests.embedded.processes import survivors
from tests.end_to_end.barometer import Barometer


def versions(barometer: Barometer) -> tuple[str, int]:
    """The champion, and how many versions there are."""
    with httpx2.Client(base_url=f"{barometer.mlflow}/api/2.0/mlflow", trust_env=False) as mlflow:
        question = {"name": "sentiment", "alias": "champion"}
        champion = mlflow.get("/registered-models/alias", params=question).json()["model_version"]["version"]
        found = mlflow.get("/model-versions/search", params={"filter": "name='sentiment'"}).json()
        return champion, len(found["model_versions"])


def test_ctrl_c_stops_everything_and_the_next_start_goes_on_where_it_was(barometer: Barometer) -> None:
    before = barometer.create("A voyage to remember, thank you all.", prefer="wait")
    assert before["status"] == "succeeded"
    registered = versions(barometer)
    children = set(barometer.processes())
    assert len(children) >= 5

    exit_code, left = barometer.stop(), survivors(children, 0)
    # Before the first assertion: other tests go on with what runs here.
    barometer.start()
    assert exit_code == 0
    assert left == set()

    assert barometer.read(before["id"]) == before
    assert versions(barometer) == registered
    assert "part=trainer" not in barometer.launcher.said()
    after = barometer.create(before["input"]["text"], prefer="wait")
    assert (after["version"], after["output"]) == (before["version"], before["output"])
