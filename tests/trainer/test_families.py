"""The battery every family must pass."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from trainer import families
from trainer.errors import BadRequest
from trainer.families import FAMILIES
from trainer.families.family import Plan

from . import tiny
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
pytestmark = [
    pytest.mark.usefixtures("mlflow_imported"),
    # Keras, as it saves TensorFlow's variables.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]

ROWS = opinions(200)
TEXTS, LABELS = [text for text, _ in ROWS], [label for _, label in ROWS]

#: How far an answer may be from the same text's in another batch: rounding in double or in single precision.
TOLERANCE = {"tfidf": 1e-9, "bilstm": 1e-6, "bert": 1e-5}


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    return cache(lambda: tiny.write_base(tmp_path_factory.mktemp("base")))


@pytest.fixture(scope="module")
def fit(base, mlflow_imported):
    def fit(family, folder: Path, *, labels=LABELS, seed=0, **plan):
        tiny.need(family)
        folder.mkdir(exist_ok=True)
        plan = Plan(options=tiny.options(family, base), **plan)
        return FAMILIES[family](TEXTS, labels, seed=seed, folder=folder, plan=plan)

    return fit


@pytest.fixture(scope="module", params=sorted(FAMILIES))
def family(request):
    return request.param


@pytest.fixture(scope="module")
def fitted(family, fit, tmp_path_factory):
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


def test_a_batch_answers_what_each_text_alone_answers(family, fitted):
    texts = [*TEXTS[:50], *ODD]
    alone = np.vstack([fitted.probabilities([text]) for text in texts])
    assert fitted.probabilities(texts) == pytest.approx(alone, abs=TOLERANCE[family])


def test_no_texts_have_no_answers(fitted):
    assert fitted.probabilities([]).shape == (0, 2)


def test_the_same_seed_makes_the_same_model_to_the_byte(family, fit, fitted, tmp_path):
    again = fit(family, tmp_path)
    assert (again.probabilities(TEXTS) == fitted.probabilities(TEXTS)).all()
    for name, path in fitted.artifacts.items():
        assert contents(again.artifacts[name]) == contents(path), name


def contents(path: Path) -> dict[str, bytes]:
    files = [path] if path.is_file() else sorted(path.rglob("*"))
    return {file.name: file.read_bytes() for file in files if file.is_file()}


def test_another_seed_makes_another_model_where_chance_plays_a_part(family, fit, fitted, tmp_path):
    other = fit(family, tmp_path, seed=1)
    same = (other.probabilities(TEXTS) == fitted.probabilities(TEXTS)).all()
    assert same == (family == "tfidf")


def test_the_curve_tells_of_every_step_of_the_learning(family, fitted):
    steps = [entry["step"] for entry in fitted.curve]
    assert steps == sorted(set(steps))
    if family != "tfidf":
        assert len(steps) >= 2
        assert all({"watching_loss", "watching_macro_f1"} <= set(entry) for entry in fitted.curve)
        assert fitted.curve[-1]["watching_loss"] < fitted.curve[0]["watching_loss"]


class Crash(Exception):
    pass


@pytest.mark.parametrize("family", sorted(set(FAMILIES) - {"tfidf"}))
def test_a_training_cut_off_and_taken_up_makes_the_model_it_would_have_made(family, fit, tmp_path, base):
    whole, shares = fit(family, tmp_path / "whole", labels=LABELS), []

    def crash(words: str, share: float) -> None:
        if share > 0.4:
            raise Crash

    def listen(words: str, share: float) -> None:
        shares.append(share)

    kept = tmp_path / "kept"
    kept.mkdir()
    with pytest.raises(Crash):
        fit(family, tmp_path / "cut", checkpoints=kept, progress=crash)
    assert list(kept.iterdir())
    taken_up = fit(family, tmp_path / "up", checkpoints=kept, progress=listen)
    assert min(share for share in shares if share) > 0.25
    assert taken_up.probabilities(TEXTS) == pytest.approx(whole.probabilities(TEXTS), abs=1e-6)
    assert [entry["step"] for entry in taken_up.curve] == [entry["step"] for entry in whole.curve]


def test_an_unknown_option_is_named_with_those_there_are(family, tmp_path):
    with pytest.raises(BadRequest, match=f"^{family} has no option 'colour'; its options and defaults are: "):
        FAMILIES[family](TEXTS, LABELS, seed=0, folder=tmp_path, plan=Plan(options={"colour": 1}))


def test_three_labels_sum_to_one_and_are_learnt(family, fit, tmp_path):
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


def test_artefacts_are_of_kinds_that_run_no_code_when_read(fitted):
    files = [
        file for path in fitted.artifacts.values() for file in (path, *path.rglob("*")) if file.is_file()
    ]
    assert {file.suffix for file in files} <= {".json", ".npz", ".onnx", ".safetensors", ".txt"}
    for file in files:
        if file.suffix == ".json":
            json.loads(file.read_text("utf-8"))
        if file.suffix == ".npz":
            with np.load(file, allow_pickle=False) as arrays:
                assert all(arrays[name].dtype == np.float64 for name in arrays)


def test_requirements_are_exact(fitted):
    assert all("==" in requirement for requirement in fitted.requirements)


def test_negation_turns_words_and_ends_at_a_sign():
    from trainer.families.tfidf_model import features

    assert "!good" in features("It isn't good")
    assert "good" in features("It isn't! good")
    assert {"charm*", "!charm*"} <= set(features("charming, but never so charmed"))


@pytest.mark.parametrize(("noise", "lowest", "highest"), [(0.0, 2, 8), (0.4, 0.1, 0.5)])
def test_the_strength_of_the_penalty_can_be_cross_validated(tmp_path, noise, lowest, highest):
    rows = opinions(400, noise=noise)
    texts, labels = [text for text, _ in rows], [label for _, label in rows]
    plan = Plan(options={"C": "auto", "bayes": 0})
    found = FAMILIES["tfidf"](texts, labels, seed=0, folder=tmp_path, plan=plan)
    assert lowest <= found.parameters["C"] <= highest
