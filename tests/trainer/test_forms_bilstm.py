"""A small LSTM with random weights, made, registered, loaded and asked as a trained one would be."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import random_bilstm

from .conftest import opinions
from .test_families import ODD

for package in ("torch", "onnxruntime", "onnx"):
    pytest.importorskip(package, reason=f"{package} is not installed: pip install 'barometer[bert]'")

pytestmark = pytest.mark.usefixtures("mlflow_imported")

LABELS = ("negative", "neutral", "positive")
LIMIT = 40
TEXTS = [text for text, _ in opinions(120)]


@pytest.fixture(scope="module")
def fitted(mlflow_imported, tmp_path_factory):
    size = random_bilstm.Size(vocabulary=100, width=16, limit=LIMIT)
    return random_bilstm.make(TEXTS, LABELS, size, seed=0, folder=tmp_path_factory.mktemp("bilstm"))


@pytest.fixture(scope="module")
def model(fitted):
    from trainer.families.bilstm_model import BilstmModel

    model = BilstmModel()
    model.load({name: str(path) for name, path in fitted.artifacts.items()}, {"threads": 1})
    return model


def scores(answers):
    return np.array([[answer["scores"][label] for label in LABELS] for answer in answers])


def test_a_batch_answers_what_each_text_alone_answers(model):
    texts = [*TEXTS, *ODD]
    alone = np.vstack([scores(model.predict(None, [text])) for text in texts])
    assert alone.std(axis=0).min() > 1e-3
    assert scores(model.predict(None, texts)) == pytest.approx(alone, abs=1e-6)
    assert scores(model.classify(model.encode(texts))) == pytest.approx(alone, abs=1e-6)


def test_answers_are_probabilities_highest_first(model):
    for answer in model.predict(None, [*TEXTS[:8], *ODD]):
        assert sum(answer["scores"].values()) == pytest.approx(1, abs=1e-12)
        assert list(answer["scores"].values()) == sorted(answer["scores"].values(), reverse=True)
        assert (answer["label"], answer["score"]) == next(iter(answer["scores"].items()))


def test_no_texts_have_no_answers(model):
    assert model.predict(None, []) == []
    assert model.classify([]) == []


def test_the_order_of_words_counts(model):
    first, last = "soup " + "the " * 10, "the " * 10 + "soup"
    neither = "the " * 11
    found = scores(model.predict(None, [first, last, neither]))
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(found[one] - found[other]).max() > 1e-5


def test_texts_are_cut_as_keras_cuts_them_but_for_contractions(model):
    number = model.numbers
    (one,) = model.encode(["  The SOUP,was!\nlovely -- zzz ÉTÉ\u00a0soup don't"])
    # "soup,was" is one word without its comma, a dash none, a hard space is no space; "don't" is two.
    assert one.ids == [number["the"], 1, number["lovely"], 1, 1, 1, 1]
    assert model.encode(["soup.", "SOUP"])[0].ids == model.encode(["SOUP"])[0].ids == [number["soup"]]


def test_what_is_cut_is_said_and_nothing_else_is(model):
    just, over, nothing = model.encode(["soup " * LIMIT, "soup " * (LIMIT + 1), " ?! "])
    assert (just.tokens, just.is_truncated) == (LIMIT, False)
    assert (over.tokens, over.is_truncated) == (LIMIT, True)
    assert (nothing.tokens, nothing.is_truncated) == (1, False)


def test_an_explanation_says_what_each_word_adds(model):
    text = "The soup\twas — lovely!"
    words = model.explain(text)
    assert [word["token"] for word in words] == ["The", "soup", "was", "—", "lovely!"]
    (whole,) = model.predict(None, [text])
    (without,) = model.predict(None, ["The was — lovely!"])
    assert words[1]["start"] == 4
    assert words[1]["weight"] == pytest.approx(whole["score"] - without["scores"][whole["label"]], abs=1e-6)


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_odd_texts_can_be_explained(model, text):
    for word in model.explain(text):
        assert text[word["start"] : word["end"]] == word["token"]
        assert np.isfinite(word["weight"])


def test_the_travelling_file_imports_nothing_of_ours(fitted):
    source = fitted.code.read_text("utf-8")
    for package in ("trainer", "contract", "worker", "gateway", "pickle", "torch", "tensorflow"):
        assert f"import {package}" not in source
        assert f"from {package}" not in source


def test_a_registered_one_answers_its_canaries(fitted, tracking_uri, tmp_path):
    import mlflow

    from benchmarks.registering import register
    from trainer.families.bilstm_model import SETTINGS

    mlflow.create_experiment("bilstm-random", artifact_location=str(tmp_path / "artifacts"))
    assert register(fitted, SETTINGS, "bilstm", tracking_uri) == "1"
    loaded = mlflow.pyfunc.load_model("models:/bilstm@champion", model_config={"threads": 1})
    canaries = json.loads(Path(loaded._model_impl.context.artifacts["canary"]).read_text("utf-8"))
    found = loaded.unwrap_python_model().predict(None, [canary["text"] for canary in canaries])
    assert scores(found) == pytest.approx(scores(canaries), abs=1e-6)
