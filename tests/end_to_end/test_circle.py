"""The whole circle on real parts: nobody does anything but write texts and say what would have been right."""

import pytest

from benchmarks import service
from benchmarks.circle import story

#: Two services, one after the other, each with a training of its own.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_words_change_and_the_service_alarms_learns_proves_swaps_and_recovers():
    with service.started(**story.ON_DRIFT) as started:
        told = story.circle(started)
    fired, passed = (story.first(told, what) for what in ("fired", "passed"))
    served = story.first(told, "serving", passed)
    assert {one.whom for one in told.moments if one.what == "fired"} >= {"drift", "live_quality"}
    assert told.changed_at < fired < passed < served
    assert told.accuracy(told.began_at, told.changed_at) > 0.85
    assert told.accuracy(told.changed_at + 2, passed) < 0.7
    assert told.accuracy(served + 2) > 0.9
    assert told.results[-1]["feedback"] > 50
    assert {one.whom for one in told.moments if one.what == "resolved" and one.at > served} >= {
        one.whom for one in told.moments if one.what == "fired" and one.at < passed
    }
    assert "rollback.requested" not in told.log


def test_a_training_on_lies_is_refused_and_the_champion_stays():
    with service.started(**story.ON_LABELS) as started:
        told = story.poison(started)
    (result,) = told.results
    assert (result["gate"], result["promoted"]) == ("refused", False)
    assert any("plain words" in reason for reason in result["reasons"])
    assert {one.version for one in told.answers} == {"1"}
    assert told.accuracy(told.began_at) > 0.95
