from math import comb

import numpy as np
import pytest

from trainer.behaviour.suite import Capability
from trainer.chance import lost_by_chance, paired_bootstrap
from trainer.floors import Limits
from trainer.gate import Answers, Questions, Unusable, judge
from trainer.serving import Latency, Serving

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


def verdict(ours, champion=None, truth=TRUTH, *, slices=None, behaviour=None, serving=None, **limits):
    candidate = Answers("8", LABELS, ours, behaviour or {}, serving)
    return judge(Questions(truth, slices or {}), candidate, champion, limits=Limits(**limits), seed=0)


def champion(probabilities, labels=LABELS, behaviour=None):
    return Answers("7", labels, probabilities, behaviour or {})


def failing(failed, cases=100):
    return Capability(tuple(number < failed for number in range(cases)))


def serving(p99_s=0.01, memory=50_000_000, size=10_000_000):
    latency = Latency(p99_s / 2, p99_s, 300)
    return Serving(0.2, latency, latency, 1000.0, memory, size, None)


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


@pytest.mark.parametrize(
    ("measured", "limit", "reason"),
    [
        (
            {"p99_s": 0.3},
            {"p99_s": 0.25},
            "99th percentile of one text 300.0 ms is above the budget of 250.0 ms",
        ),
        ({"memory": 600_000_000}, {"memory": 512_000_000}, "memory 600.0 MB is above the budget of 512.0 MB"),
        ({"size": 30_000_000}, {"size": 20_000_000}, "size on disk 30.0 MB is above the budget of 20.0 MB"),
    ],
)
def test_each_budget_refuses_with_its_reason(measured, limit, reason):
    assert verdict(STRONG, serving=serving(**measured), **limit).reasons == (reason,)
    assert verdict(STRONG, serving=serving(), **limit).passed


def test_a_budget_without_a_measurement_refuses():
    assert verdict(STRONG, p99_s=0.25).reasons == (
        "there is a budget for 99th percentile of one text, but nothing was measured",
    )


def test_a_slice_below_its_floor_refuses_but_a_small_one_tells_nothing():
    wrong = np.arange(200) < 20  # STRONG misses the first twenty rows
    rows = np.arange(200) < 35
    assert verdict(STRONG, slices={"negation": rows}).reasons == (
        "accuracy on negation 0.429 is below 0.50 (35 rows)",
    )
    assert verdict(STRONG, slices={"negation": wrong}).passed


def test_a_gain_paid_for_by_a_slice_is_refused():
    ours, theirs = answers(TRUTH, range(20)), answers(TRUTH, range(20, 80))
    first = np.arange(200) < 100
    found = verdict(ours, champion(theirs), slices={"negation": first})
    assert found.passed
    found = verdict(ours, champion(theirs), slices={"negation": np.arange(200) < 40})
    assert found.passed, "twenty won and twenty lost may be chance"
    found = verdict(ours, champion(theirs), slices={"negation": np.arange(200) < 25})
    assert found.reasons[0] == (
        "worse than the champion on negation: "
        "right on 5 that it misses, wrong on 20 that it knows (p = 0.002)"
    )


def test_behaviour_has_floors_of_its_own():
    found = verdict(STRONG, behaviour={"names": failing(11), "negation": failing(11), "not bad": failing(99)})
    assert found.reasons == ("behaviour: names fails in 11.0% of 100 cases, above 10%",)


def test_behaviour_worse_than_the_champions_is_refused_unless_chance():
    known = champion(WEAK, behaviour={"not bad": failing(50)})
    assert verdict(STRONG, known, behaviour={"not bad": failing(54)}).passed
    assert verdict(STRONG, known, behaviour={"not bad": failing(60)}).reasons[0] == (
        "worse than the champion in behaviour: not bad: "
        "right on 0 that it misses, wrong on 10 that it knows (p = 0.001)"
    )


def test_the_sign_test_counts_the_tosses_that_are_as_bad_or_worse():
    for won, lost in ((0, 0), (3, 4), (5, 20), (20, 5), (0, 10)):
        tosses = won + lost
        expected = sum(comb(tosses, heads) for heads in range(lost, tosses + 1)) / 2**tosses
        assert lost_by_chance(won, lost) == pytest.approx(expected)
