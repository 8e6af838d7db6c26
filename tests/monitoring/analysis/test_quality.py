"""Figures with intervals, and figures without labels, against other sources and simulation."""

import numpy as np
import pytest
from scipy.stats import binomtest

from monitoring.analysis.estimate import CALIBRATION_ROWS, estimate
from monitoring.analysis.intervals import wilson
from monitoring.analysis.quality import quality


@pytest.mark.parametrize(("hits", "total"), [(8, 10), (0, 10), (10, 10), (1, 1), (500, 1000)])
def test_a_proportion_has_wilsons_interval(hits, total):
    found, expected = wilson(hits, total), binomtest(hits, total).proportion_ci(method="wilson")
    assert found.value == hits / total
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_precision_recall_and_f1_of_each_class_from_pairs_of_predicted_and_true():
    found = quality({("neg", "neg"): 40, ("neg", "pos"): 10, ("pos", "pos"): 45, ("pos", "neg"): 5})
    assert (found.rows, found.accuracy.value) == (100, 0.85)
    neg = found.per_class["neg"]
    assert (neg.precision.value, neg.recall.value, neg.support) == (0.8, 40 / 45, 45)
    assert neg.f1.value == pytest.approx(80 / 95)
    assert neg.f1.low < neg.f1.value < neg.f1.high


def test_the_interval_of_f1_is_that_of_resampling_the_rows_themselves():
    pairs = {("a", "a"): 30, ("a", "b"): 12, ("b", "b"): 50, ("b", "a"): 8}
    rows = np.array([pair for pair, n in pairs.items() for _ in range(n)])
    chance, drawn = np.random.default_rng(1), []
    for _ in range(2_000):
        one = rows[chance.integers(len(rows), size=len(rows))]
        hits = np.sum((one[:, 0] == "a") & (one[:, 1] == "a"))
        drawn.append(2 * hits / (np.sum(one[:, 0] == "a") + np.sum(one[:, 1] == "a")))
    found = quality(pairs).per_class["a"].f1
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(drawn, (2.5, 97.5))), abs=0.015)


def test_a_label_that_was_never_predicted_has_no_precision_and_one_that_was_never_true_no_recall():
    found = quality({("a", "b"): 3})
    assert found.per_class["b"].precision is None
    assert found.per_class["a"].recall is None
    assert found.per_class["a"].f1.value == 0


def test_nothing_judged_is_an_error_and_not_a_figure():
    with pytest.raises(ValueError):
        quality({})
    with pytest.raises(ValueError):
        estimate([])


def simulated(seed: int, rows: int, sharpness: float, temperature: float = 1.0) -> list[tuple[dict, str]]:
    """Scores and what was true: true labels are drawn by probability, the scores may boast of more."""
    chance = np.random.default_rng(seed)
    p = 1 / (1 + np.exp(-chance.normal(0, sharpness, rows)))
    truth = np.where(chance.random(rows) < p, "neg", "pos")
    said = 1 / (1 + np.exp(-np.log(p / (1 - p)) / temperature))
    return [({"neg": float(s), "pos": float(1 - s)}, str(t)) for s, t in zip(said, truth, strict=True)]


def accuracy(rows: list[tuple[dict, str]]) -> float:
    return sum(max(scores, key=scores.get) == truth for scores, truth in rows) / len(rows)


@pytest.mark.parametrize("sharpness", [0.5, 1.5, 4.0])
def test_calibrated_scores_tell_the_accuracy_without_a_label(sharpness):
    rows = simulated(0, 5_000, sharpness)
    found = estimate([scores for scores, _ in rows])
    assert found.accuracy == pytest.approx(accuracy(rows), abs=0.02)
    assert not found.is_calibrated


def test_scores_that_boast_are_put_right_by_labelled_predictions():
    labelled, rows = simulated(1, 2_000, 1.0, 0.3), simulated(2, 5_000, 1.0, 0.3)
    scores = [scores for scores, _ in rows]
    assert estimate(scores).accuracy > accuracy(rows) + 0.1
    found = estimate(scores, labelled)
    assert found.is_calibrated
    assert found.accuracy == pytest.approx(accuracy(rows), abs=0.03)
    assert not estimate(scores, labelled[: CALIBRATION_ROWS - 1]).is_calibrated


def test_the_expected_f1_is_that_of_the_labels_nobody_gave():
    rows = simulated(3, 8_000, 1.5)
    found = estimate([scores for scores, _ in rows])
    pairs: dict = {}
    for scores, truth in rows:
        pair = (max(scores, key=scores.get), truth)
        pairs[pair] = pairs.get(pair, 0) + 1
    counted = quality(pairs)
    for label, f1 in found.f1.items():
        assert f1 == pytest.approx(counted.per_class[label].f1.value, abs=0.02)
