"""A Redis and an MLflow of one's own: the launcher starts neither.

The alerts are tried here too: their window of five minutes must begin without a negative result."""

from collections.abc import Iterator

import pytest

from contract import keys
from tests.conftest import serve
from tests.end_to_end.barometer import Barometer
from tests.working import wait_for

NEGATIVE = (
    "The worst flight of my life, rude staff and a broken seat.",
    "Dreadful food, filthy cabin, never again.",
    "They lost our bags and refused to help. Terrible.",
    "A horrible, miserable, endless delay.",
)
FIFTH = "Awful service, disgusting toilets, I want my money back."


@pytest.fixture(scope="module", params=["embedded", "stock"])
def beside(request: pytest.FixtureRequest, barometer: Barometer) -> Iterator[Barometer]:
    """A second Barometer with an empty Redis that somebody else runs, and the first one's MLflow."""
    for server in serve(request.param):
        with Barometer(REDIS_URL=server.url, MLFLOW_TRACKING_URI=barometer.mlflow) as started:
            yield started


def test_the_launcher_starts_neither_server_and_everything_works(
    beside: Barometer, barometer: Barometer
) -> None:
    assert (beside.redis_url, beside.mlflow) == (beside.environment["REDIS_URL"], barometer.mlflow)
    services = sorted(words[-1] for words in beside.processes().values())
    assert services == ["gateway", "monitoring", "work", "worker"], "work: the trainer's"
    assert not list((beside.data / "logs").iterdir())
    assert "part=trainer" not in beside.launcher.said()
    prediction = beside.create("The crew were lovely and we landed early!", prefer="wait")
    assert prediction["status"] == "succeeded"
    assert prediction["output"] == barometer.create(prediction["input"]["text"], prefer="wait")["output"]
    assert beside.http.get("/readyz").json()["workers"] == 1


def judged_up_to_now(barometer: Barometer) -> None:
    """Wait until monitoring has judged all that has happened."""
    seconds, microseconds = barometer.redis.time()
    now_ms = seconds * 1000 + microseconds // 1000
    wait_for(lambda: int(barometer.redis.get(keys.MONITORING_HEARTBEAT) or 0) > now_ms)


def test_the_fourth_negative_text_raises_one_alert_and_the_fifth_no_other(beside: Barometer) -> None:
    def alerts() -> list[dict]:
        return beside.http.get("/v1/alerts").json()["results"]

    for text in NEGATIVE[:-1]:
        assert beside.create(text, prefer="wait")["output"]["label"] == "negative"
    assert alerts() == []
    assert beside.create(NEGATIVE[-1], prefer="wait")["output"]["label"] == "negative"
    wait_for(alerts, seconds=2)
    assert beside.create(FIFTH, prefer="wait")["output"]["label"] == "negative"
    judged_up_to_now(beside)
    [alert] = alerts()
    assert (alert["status"], alert["count"], alert["threshold"], alert["window_s"]) == ("firing", 4, 3, 300)
    [line] = [line for line in beside.launcher.said().splitlines() if "alert.fired" in line]
    assert alert["id"] in line
    assert not any(text in beside.logs() for text in (*NEGATIVE, FIFTH))
