"""Explanations of the TF-IDF family: they add up, and they point at the text."""

import math
from pathlib import Path

import pytest

from trainer.families import tfidf

from .conftest import opinions
from .test_families import ODD

pytestmark = pytest.mark.usefixtures("mlflow_imported")

TEXTS = (
    "The soup was not lovely, it was dreadful and dreadful again",
    "thrilled, thrilled and grateful!!! :)",
    "İstanbul İİ was superb, ΟΔΟΣ was dreadful",
    "nothing known here: qwertz",
)


@pytest.fixture(scope="module", params=["two labels", "three labels"])
def model(request, tmp_path_factory, mlflow_imported):
    from trainer.families.tfidf_model import TfidfModel

    rows = opinions(300)
    labels = [label for _, label in rows]
    if request.param == "three labels":
        labels[::3] = ["neutral"] * len(labels[::3])
    folder: Path = tmp_path_factory.mktemp("tfidf")
    fitted = tfidf.train([text for text, _ in rows], labels, seed=0, folder=folder)
    model = TfidfModel()
    model.load({name: str(path) for name, path in fitted.artifacts.items()})
    return model


@pytest.mark.parametrize("text", TEXTS)
def test_the_weights_add_up_to_the_lead_of_the_predicted_label(model, text):
    [answer] = model.predict(None, [text])
    intercepts = dict(zip(model.labels, model.intercepts.tolist(), strict=True))

    def lead(of):
        others = [of[label] for label in model.labels if label != answer["label"]]
        return of[answer["label"]] - sum(others) / len(others)

    logs = {label: math.log(score) for label, score in answer["scores"].items()}
    assert sum(part["weight"] for part in model.explain(text)) == pytest.approx(lead(logs) - lead(intercepts))


@pytest.mark.parametrize("text", [*TEXTS, *(text for text in ODD if len(text) < 1000)])
def test_every_token_is_found_where_it_says(model, text):
    from trainer.families.tfidf_model import TOKEN

    parts = model.explain(text)
    assert [text[part["start"] : part["end"]] for part in parts] == [part["token"] for part in parts]
    # Within, not equal: a dotted capital I is one letter of the text and two tokens when lowered.
    for part, token in zip(parts, TOKEN.findall(text.lower()), strict=True):
        assert token in part["token"].lower()


def test_the_words_that_tell_weigh_most(model):
    parts = model.explain("The soup was dreadful on day 7")
    assert max(parts, key=lambda part: part["weight"])["token"] == "dreadful"


def test_a_token_said_twice_shares_one_weight(model):
    one, two = (part["weight"] for part in model.explain("dreadful dreadful"))
    assert one == pytest.approx(two)
    assert one != 0
