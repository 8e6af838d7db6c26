import numpy as np
import pytest

from trainer.gate import Champion, Limits, Unusable, judge, paired_bootstrap

LABELS = ("bad", "good")


def answers(truth, wrong, *, confidence=0.9, labels=LABELS):
    """Probabilities that answer ``truth``, but for the rows in ``wrong``."""
    rows = np.full((len(truth), 2), 1 - confidence)
    for number, label in enumerate(truth):
        rows[number, labels.index(label) ^ (number in wrong)] = confidence
    return rows


TRUTH = [LABELS[number % 2] for number in range(200)]
STRONG = answers(TRUTH, range(20))
WEAK = answers(TRUTH, range(60), confidence=0.75)


def verdict(ours, champion=None, truth=TRUTH, **limits):
    return judge(truth, LABELS, ours, champion, limits=Limits(**limits), seed=0)


def champion(probabilities, labels=LABELS):
    return Champion("7", labels, probabilities)


def test_without_a_champion_the_floors_decide():
    assert verdict(STRONG).passed
    assert verdict(STRONG).reasons == ("no champion yet, and all floors are reached",)


@pytest.mark.parametrize(
    ("truth", "wrong", "confidence", "reason"),
    [
        (TRUTH[:29], (), 0.9, "29 evaluation rows are fewer than the 30 a verdict needs"),
        (TRUTH, range(90), 0.6, "macro-F1 0.550 is below 0.60"),
        (TRUTH, range(0, 120, 2), 0.7, "recall of bad 0.400 is below 0.50"),
        (TRUTH, (), 0.8, "calibration error 0.200 is above 0.15"),
        (["good"] * 40, (), 0.9, "no evaluation row is labelled bad"),
    ],
)
def test_each_floor_refuses_with_its_reason(truth, wrong, confidence, reason):
    found = verdict(answers(truth, wrong, confidence=confidence), truth=truth)
    assert not found.passed
    assert reason in found.reasons


def test_thirty_rows_are_enough():
    assert verdict(answers(TRUTH[:30], ()), truth=TRUTH[:30]).passed


def test_a_better_model_passes_and_its_figures_are_the_reason():
    found = verdict(STRONG, champion(WEAK))
    assert found.passed
    assert found.difference.point == pytest.approx(0.2)
    assert found.difference.lower > 0.1
    assert found.reasons[0].startswith("better than the champion: macro-F1 +0.2000 against version 7")


def test_the_same_model_again_is_refused():
    found = verdict(STRONG, champion(STRONG))
    assert not found.passed
    assert found.difference.point == found.difference.lower == found.difference.upper == 0
    assert found.reasons[0].startswith("not better than the champion")


def test_a_worse_model_is_refused_on_both_counts():
    found = verdict(WEAK, champion(STRONG))
    assert [reason.partition(":")[0] for reason in found.reasons] == [
        "not better than the champion",
        "may be worse than the champion",
    ]


def test_a_gain_that_may_be_chance_is_refused():
    # Four rows won, three lost, of 200.
    ours, theirs = answers(TRUTH, range(20, 23)), answers(TRUTH, range(4))
    found = verdict(ours, champion(theirs))
    assert found.difference.point > 0
    assert not found.passed
    assert [reason.partition(":")[0] for reason in found.reasons] == ["may be worse than the champion"]


def test_floors_hold_against_a_champion_too():
    found = verdict(answers(TRUTH, (), confidence=0.8), champion(WEAK))
    assert found.reasons == ("calibration error 0.200 is above 0.15",)


def test_other_labels_are_refused_and_named():
    found = verdict(STRONG, champion(STRONG, ("bad", "fine")))
    assert found.reasons == ("the labels differ from the champion's: bad, good here, bad, fine in version 7",)
    assert not found.passed


def test_the_order_of_the_champions_labels_does_not_matter():
    assert (
        verdict(STRONG, champion(WEAK[:, ::-1], LABELS[::-1])).difference
        == verdict(STRONG, champion(WEAK)).difference
    )


def test_a_champion_that_cannot_be_asked_refuses():
    found = verdict(STRONG, Unusable("7", "version 7 cannot be loaded (OSError)"))
    assert not found.passed
    assert found.reasons[0].endswith("cannot be compared with: version 7 cannot be loaded (OSError)")


def test_the_interval_is_that_of_drawing_rows():
    """The multinomial shortcut against the plain bootstrap, row by row."""
    from sklearn.metrics import f1_score

    random = np.random.default_rng(1)
    truth = random.integers(0, 3, 150)
    ours = np.where(random.random(150) < 0.8, truth, random.integers(0, 3, 150))
    theirs = np.where(random.random(150) < 0.7, truth, random.integers(0, 3, 150))
    shortcut = paired_bootstrap(truth, ours, theirs, 3, 1000, seed=0)
    plain = []
    for _ in range(300):
        drawn = random.integers(0, 150, 150)
        plain.append(
            f1_score(truth[drawn], ours[drawn], average="macro")
            - f1_score(truth[drawn], theirs[drawn], average="macro")
        )
    assert [shortcut.lower, shortcut.upper] == pytest.approx(np.percentile(plain, [2.5, 97.5]), abs=0.03)


def test_the_same_seed_gives_the_same_verdict():
    assert verdict(STRONG, champion(WEAK)) == verdict(STRONG, champion(WEAK))
