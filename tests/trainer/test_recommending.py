import numpy as np
import pytest

from trainer.comparison.contestant import Contestant
from trainer.comparison.recommending import Aim, Goal, recommend
from trainer.evaluation import evaluate
from trainer.serving import Latency, Serving

LABELS = ("bad", "good")
TRUTH = np.arange(400) % 2


def contestant(name, wrong, *, p99_ms=1.0, memory_mb=50, size_mb=10, throughput=1000.0):
    """A model that misses the rows in ``wrong``."""
    probabilities = np.full((400, 2), 0.1)
    for row, label in enumerate(TRUTH):
        probabilities[row, label ^ (row in wrong)] = 0.9
    latency = Latency(p99_ms / 2000, p99_ms / 1000, 300)
    return Contestant(
        name=name,
        family="tfidf",
        evaluation=evaluate(LABELS, [LABELS[label] for label in TRUTH], probabilities),
        answered=probabilities.argmax(axis=1),
        serving=Serving(0.2, latency, latency, throughput, memory_mb * 10**6, size_mb * 10**6, None),
    )


SMALL = contestant("small", range(80))
LARGE = contestant("large", range(20), p99_ms=90, memory_mb=700, size_mb=400, throughput=30.0)
TWIN = contestant("twin", range(18, 39), p99_ms=0.5)


def test_the_best_is_taken_and_by_how_much_is_said():
    found = recommend([SMALL, LARGE], TRUTH, Goal())
    assert found.name == "large"
    assert found.reasons[0] == "large has the best f1: 0.9500"
    assert found.reasons[1].startswith("large is better than small: macro-F1 +0.1500, 95 % interval +0.1")


def test_of_those_that_may_be_equal_the_fastest_is_taken():
    found = recommend([SMALL, LARGE, TWIN], TRUTH, Goal())
    assert found.name == "twin"
    assert found.reasons[0] == "twin is as good as large up to chance, and answers faster"
    assert any(reason.startswith("large against twin may be chance") for reason in found.reasons)


@pytest.mark.parametrize(
    ("limit", "reason"),
    [
        ({"max_p99_s": 0.02}, "large is out: 99th percentile 90.00 ms, above 20 ms"),
        ({"max_memory": 512 * 10**6}, "large is out: memory 700.0 MB, above 512.0 MB"),
        ({"max_size": 10**8}, "large is out: size 400.0 MB, above 100.0 MB"),
    ],
)
def test_what_exceeds_a_limit_is_out_and_it_is_said_why(limit, reason):
    found = recommend([SMALL, LARGE], TRUTH, Goal(**limit))
    assert found.name == "small"
    assert reason in found.reasons


def test_nothing_within_the_limits_is_nothing_recommended():
    found = recommend([SMALL], TRUTH, Goal(min_f1=0.9))
    assert found.name is None
    assert found.reasons == (
        "small is out: macro-F1 0.800, below 0.9",
        "none is within the limits: widen them, or train another",
    )


@pytest.mark.parametrize(
    ("aim", "name"),
    [
        (Aim.P99, "twin"),
        (Aim.THROUGHPUT, "small"),
        (Aim.MEMORY, "small"),
        (Aim.SIZE, "small"),
        (Aim.ACCURACY, "twin"),
    ],
)
def test_each_aim_has_its_own_best(aim, name):
    assert recommend([SMALL, LARGE, TWIN], TRUTH, Goal(aim=aim)).name == name


def test_a_million_predictions_cost_the_hours_they_take():
    # 1,000 a second are 3.6 million an hour.
    assert SMALL.cost(0.36) == pytest.approx(0.1)
