import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support

from trainer.evaluation import evaluate

LABELS = ("a", "b", "c")


def random_case(rows=200, seed=0):
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet([1, 1, 1], rows)
    return [LABELS[i] for i in random.integers(0, 3, rows)], probabilities


def test_the_figures_are_those_of_scikit_learn():
    truth, probabilities = random_case()
    answered = [LABELS[i] for i in probabilities.argmax(1)]
    found = evaluate(LABELS, truth, probabilities)
    assert found.accuracy == pytest.approx(accuracy_score(truth, answered))
    assert found.macro_f1 == pytest.approx(f1_score(truth, answered, average="macro"))
    expected = precision_recall_fscore_support(truth, answered, labels=LABELS)
    for index, label in enumerate(LABELS):
        one = found.per_class[label]
        assert (one.precision, one.recall, one.f1, one.support) == pytest.approx([e[index] for e in expected])


def test_the_calibration_error_of_a_worked_example():
    # Confidence 0.9 and right three times of four, confidence 0.6 and right once of two.
    probabilities = np.array([[0.9, 0.1]] * 4 + [[0.6, 0.4]] * 2)
    found = evaluate(("a", "b"), ["a", "a", "a", "b", "a", "b"], probabilities)
    assert found.ece == pytest.approx(4 / 6 * 0.15 + 2 / 6 * 0.1)
    assert [b.count for b in found.bins] == [2, 4]


def test_a_confidence_on_a_border_belongs_to_the_bin_below():
    found = evaluate(("a", "b"), ["a", "a"], np.array([[0.6, 0.4], [0.61, 0.39]]))
    assert [b.confidence for b in found.bins] == [0.6, 0.61]


def test_confusion_counts_true_labels_in_rows():
    found = evaluate(("a", "b"), ["a", "a", "b"], np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]]))
    assert found.confusion == ((1, 1), (0, 1))


def test_a_label_without_rows_counts_as_zero_not_as_nothing():
    found = evaluate(("a", "b"), ["a"], np.array([[0.9, 0.1]]))
    assert (found.macro_f1, found.per_class["b"].support) == (0.5, 0)


def test_labels_the_model_does_not_know_and_no_rows_are_refused():
    with pytest.raises(ValueError, match="labels the model does not know: z"):
        evaluate(LABELS, ["z"], np.ones((1, 3)))
    with pytest.raises(ValueError, match="nothing to evaluate"):
        evaluate(LABELS, [], np.ones((0, 3)))


def test_pictures_are_drawn_for_any_labels(tmp_path):
    from trainer.plots import draw

    pictures = draw(
        evaluate(("$a_b$", "日本"), ["日本", "$a_b$"], np.array([[0.9, 0.1], [0.8, 0.2]])), tmp_path
    )
    assert [path.name for path in pictures] == ["confusion.png", "reliability.png", "precision_recall.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in pictures)


def test_a_curve_is_that_of_scikit_learn():
    from sklearn.metrics import precision_recall_curve

    truth, probabilities = random_case(rows=30)
    found = evaluate(LABELS, truth, probabilities).curves["a"]
    precision, recall, _ = precision_recall_curve([label == "a" for label in truth], probabilities[:, 0])
    expected = list(zip(recall, precision, strict=True))
    assert all(any(point == pytest.approx(one) for one in expected) for point in found)
    assert found[0][0] == 1
    assert len(found) == 30


def test_the_intervals_hold_the_figures_and_narrow_with_the_rows():
    few, many = (evaluate(LABELS, *random_case(rows=rows)) for rows in (100, 10_000))
    for found in (few, many):
        assert found.accuracy_interval[0] < found.accuracy < found.accuracy_interval[1]
        assert found.macro_f1_interval[0] < found.macro_f1 < found.macro_f1_interval[1]
    width = [high - low for low, high in (few.accuracy_interval, many.accuracy_interval)]
    assert width[1] == pytest.approx(width[0] / 10, rel=0.3)


def test_a_slice_has_the_figures_of_its_rows_alone():
    truth, probabilities = random_case()
    first = np.arange(len(truth)) < 50
    whole = evaluate(LABELS, truth, probabilities, {"first": first, "none": ~(first | True)})
    alone = evaluate(LABELS, truth[:50], probabilities[:50])
    assert set(whole.slices) == {"first"}
    assert whole.slices["first"].accuracy == alone.accuracy
    assert whole.slices["first"].macro_f1 == pytest.approx(alone.macro_f1)
