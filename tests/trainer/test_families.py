"""The battery every family must pass."""

import json
from pathlib import Path

import numpy as np
import pytest

from trainer import families
from trainer.families import FAMILIES

from .conftest import opinions

ODD = (
    "",
    " ",
    "\x00",
    "NUL \x00 inside",
    "\U0001f642\U0001f44d\U0001f3fd❤️",
    "\u200fשלום, זה היה נהדר\u200f",
    "a lone \ud83d surrogate",
    "\x85\u2028",
    "lovely " * 150_000,
    "x" * 1_000_000,
)
pytestmark = pytest.mark.usefixtures("mlflow_imported")

ROWS = opinions(200)
TEXTS, LABELS = [text for text, _ in ROWS], [label for _, label in ROWS]


def fit(family, folder: Path, *, labels=LABELS, seed=0):
    folder.mkdir(exist_ok=True)
    return FAMILIES[family](TEXTS, labels, seed=seed, folder=folder)


@pytest.fixture(scope="module", params=sorted(FAMILIES))
def family(request):
    return request.param


@pytest.fixture(scope="module")
def fitted(family, tmp_path_factory, mlflow_imported):
    return fit(family, tmp_path_factory.mktemp(family))


def test_no_family_escapes():
    files = {path.stem for path in Path(families.__file__).parent.glob("*.py")}
    assert {path.removesuffix("_model") for path in files if path.endswith("_model")} == set(FAMILIES)
    assert set(FAMILIES) <= files


def test_it_learns(fitted):
    answered = [fitted.labels[i] for i in fitted.probabilities(TEXTS).argmax(1)]
    assert np.mean([a == b for a, b in zip(answered, LABELS, strict=True)]) > 0.95


def test_scores_are_probabilities(fitted):
    scores = fitted.probabilities([*TEXTS, *ODD])
    assert scores.shape == (len(TEXTS) + len(ODD), 2)
    assert np.isfinite(scores).all()
    assert (scores >= 0).all()
    assert scores.sum(axis=1) == pytest.approx(np.ones(len(scores)), abs=1e-12)


def test_a_batch_answers_what_each_text_alone_answers(fitted):
    texts = [*TEXTS[:50], *ODD]
    alone = np.vstack([fitted.probabilities([text]) for text in texts])
    assert fitted.probabilities(texts) == pytest.approx(alone, abs=1e-9)


def test_no_texts_have_no_answers(fitted):
    assert fitted.probabilities([]).shape == (0, 2)


def test_the_same_seed_makes_the_same_model_to_the_byte(family, fitted, tmp_path):
    again = fit(family, tmp_path)
    assert (again.probabilities(TEXTS) == fitted.probabilities(TEXTS)).all()
    for name, path in fitted.artifacts.items():
        assert again.artifacts[name].read_bytes() == path.read_bytes(), name


def test_three_labels_sum_to_one_and_are_learnt(family, tmp_path):
    labels = [
        ("x", "y", "z")[number % 2 + (number % 2 and "soup" in text)] for number, text in enumerate(TEXTS)
    ]
    three = fit(family, tmp_path, labels=labels)
    scores = three.probabilities(TEXTS)
    assert three.labels == ("x", "y", "z")
    assert scores.sum(axis=1) == pytest.approx(np.ones(len(TEXTS)))
    assert (
        np.mean([three.labels[i] == label for i, label in zip(scores.argmax(1), labels, strict=True)]) > 0.8
    )


def test_the_travelling_file_imports_nothing_of_ours(fitted):
    source = fitted.code.read_text("utf-8")
    for package in ("trainer", "contract", "worker", "gateway", "pickle", "joblib"):
        assert f"import {package}" not in source
        assert f"from {package}" not in source


def test_artefacts_are_json_and_plain_arrays(fitted):
    for path in fitted.artifacts.values():
        if path.suffix == ".json":
            json.loads(path.read_text("utf-8"))
        else:
            with np.load(path, allow_pickle=False) as arrays:
                assert all(arrays[name].dtype == np.float64 for name in arrays)


def test_requirements_are_exact(fitted):
    assert all("==" in requirement for requirement in fitted.requirements)


def test_negation_turns_words_and_ends_at_a_sign():
    from trainer.families.tfidf_model import features

    assert "!good" in features("It isn't good")
    assert "good" in features("It isn't! good")
    assert {"charm*", "!charm*"} <= set(features("charming, but never so charmed"))
