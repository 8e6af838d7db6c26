"""What counts as drift: large and significant and enough of it."""

import numpy as np
import pytest

from monitoring.analysis.drift import Sample, distance, drifts, kinds_drift, language_drift, text_drift
from monitoring.analysis.languages import detected, shares


def labels(negative: int, positive: int) -> list[str]:
    return ["negative"] * negative + ["positive"] * positive


@pytest.mark.parametrize(
    ("old", "new", "is_drift"),
    [
        pytest.param(labels(300, 700), labels(320, 680), False, id="chance"),
        pytest.param(labels(300, 700), labels(600, 400), True, id="twice as many"),
        pytest.param(labels(3, 7), labels(7, 3), False, id="large, but of ten"),
        pytest.param(labels(30_000, 70_000), labels(33_000, 67_000), False, id="significant, but small"),
        pytest.param(labels(500, 500), labels(250, 250) + ["neutral"] * 500, True, id="a new label"),
        pytest.param(labels(0, 500), labels(0, 500), False, id="one label alone"),
    ],
)
def test_labels_drift_when_the_difference_is_large_and_significant(old, new, is_drift):
    assert kinds_drift("labels", old, new).is_drift == is_drift


def test_the_stability_index_is_the_one_of_the_textbooks():
    # (0.5 - 0.3) ln(0.5 / 0.3) + (0.5 - 0.7) ln(0.5 / 0.7)
    assert kinds_drift("labels", labels(300, 700), labels(500, 500)).effect == pytest.approx(0.1694596)


@pytest.mark.parametrize(("french", "is_drift"), [(0, False), (40, False), (300, True)])
def test_languages_drift_by_those_that_people_write_and_not_by_those_a_detector_imagines(french, is_drift):
    imagined = [f"x{i}" for i in range(30)]
    found = language_drift(["en"] * 970 + imagined, ["en"] * (1000 - french) + ["fr"] * french)
    assert found.is_drift == is_drift


def test_a_language_is_named_where_the_text_tells():
    expected = {
        "The crew were lovely and we landed early!": "en",
        "Le personnel était charmant, mais le train avait deux heures de retard.": "fr",
        "Die Lieferung kam viel zu spät und niemand hat sich entschuldigt.": "de",
        "配送が遅くて、とてもがっかりしました。": "ja",
        "": "und", "\0\u202e": "und", "ok": "und", "👍👍👍": "und", "\ud800": "und",
    }  # fmt: skip
    assert dict(zip(expected, detected(list(expected)), strict=True)) == expected


def test_shares_of_languages_are_of_all_texts():
    assert shares(["en", "fr", "en", "und"]) == {"en": 0.5, "fr": 0.25, "und": 0.25}
    assert shares(list(detected([]))) is None


@pytest.mark.parametrize(
    ("shift", "rows", "is_drift"),
    [(0.0, 1000, False), (0.1, 5000, False), (0.8, 1000, True), (0.8, 12, False)],
)
def test_numbers_drift_when_their_distributions_are_apart(shift, rows, is_drift):
    chance = np.random.default_rng(0)
    old, new = chance.normal(0, 1, rows), chance.normal(shift, 1, rows)
    assert distance("scores", old.tolist(), new.tolist()).is_drift == is_drift


def texts(seed: int, rows: int, words: str) -> list[str]:
    chance = np.random.default_rng(seed)
    return [" ".join(chance.choice(words.split(), 8)) for _ in range(rows)]


OLD = "the parcel came late and box was broken again never thanks great service quick kind"
NEW = "der Zug hatte heute wieder Verspätung und niemand wusste warum alles gut danke"


@pytest.mark.parametrize(("words", "is_drift"), [(OLD, False), (NEW, True)])
def test_texts_drift_when_a_classifier_can_tell_new_from_old(words, is_drift):
    found = text_drift(texts(0, 150, OLD), texts(1, 150, words))
    assert found.is_drift == is_drift
    assert (found.effect > 0.99) == is_drift


def test_only_what_both_samples_have_enough_of_is_compared():
    old = Sample(labels(50, 50), [0.5] * 100, [10.0] * 100)
    new = Sample(labels(50, 50), [0.5] * 100, [10.0] * 99)
    assert [one.what for one in drifts(old, new, 100)] == ["labels", "scores"]
    assert list(drifts(old, new, 101)) == []
