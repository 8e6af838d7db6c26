"""When to train, and whether what was promoted may stay: pinned."""

from datetime import timedelta

import pytest

from monitoring.analysis.intervals import wilson
from monitoring.retraining.probation import Health, Probation, Verdict, decide
from monitoring.retraining.triggers import Situation, Wishes, reason

HOUR = timedelta(hours=1)
EVERYTHING = Wishes(on_drift=True, labels=100, cooldown=24 * HOUR)


@pytest.mark.parametrize(
    ("wishes", "situation", "why"),
    [
        (EVERYTHING, Situation([], 0, None), None),
        (EVERYTHING, Situation(["drift"], 0, None), "alert drift"),
        (EVERYTHING, Situation(["latency", "live_quality"], 0, None), "alert live_quality"),
        (EVERYTHING, Situation(["latency", "negatives"], 0, None), None),
        (EVERYTHING, Situation([], 99, None), None),
        (EVERYTHING, Situation([], 100, None), "100 new labels"),
        (EVERYTHING, Situation(["drift"], 500, 23 * HOUR), None),
        (EVERYTHING, Situation(["drift"], 500, 24 * HOUR), "alert drift"),
        (Wishes(on_drift=False, labels=0, cooldown=HOUR), Situation(["drift"], 500, None), None),
    ],
)
def test_training_has_a_reason_and_is_not_repeated_before_its_cooldown(wishes, situation, why):
    assert reason(wishes, situation) == why


WATCHED = Probation(HOUR, minimum=50)
GOOD, WORSE, UNSURE = wilson(180, 200), wilson(130, 200), wilson(8, 12)


@pytest.mark.parametrize(
    ("before", "after", "elapsed", "verdict"),
    [
        pytest.param(Health(900, 9), Health(100, 1), HOUR / 2, Verdict.WATCH, id="as good so far"),
        pytest.param(Health(900, 9), Health(100, 1), HOUR, Verdict.KEEP, id="as good to the end"),
        pytest.param(Health(900, 9), Health(100, 20), HOUR / 2, Verdict.ROLL_BACK, id="it fails"),
        pytest.param(Health(900, 9), Health(49, 49), HOUR / 2, Verdict.WATCH, id="too few to say"),
        pytest.param(Health(900, 90), Health(100, 14), HOUR / 2, Verdict.WATCH, id="chance"),
        pytest.param(Health(900, 0, GOOD), Health(100, 0, WORSE), HOUR / 2, Verdict.ROLL_BACK, id="wrong"),
        pytest.param(Health(900, 0, GOOD), Health(100, 0, UNSURE), HOUR / 2, Verdict.WATCH, id="few labels"),
        pytest.param(Health(900, 0, WORSE), Health(100, 0, GOOD), HOUR / 2, Verdict.WATCH, id="better"),
    ],
)
def test_a_new_version_is_taken_back_when_it_is_worse_beyond_chance(before, after, elapsed, verdict):
    assert decide(WATCHED, before, after, elapsed).verdict is verdict


def test_a_rollback_says_why_with_its_figures():
    assert decide(WATCHED, Health(900, 9), Health(100, 20), HOUR / 2).reason == (
        "20.0% of 100 predictions fail, before it were 1.0%"
    )
