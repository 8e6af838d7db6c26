"""An LSTM that learns from a teacher: from a registered one, and from one that is trained in a comparison."""

import json
import os
import random
import subprocess
import sys

import numpy as np
import pytest

from trainer.errors import BadRequest
from trainer.families import FAMILIES
from trainer.families.family import Plan

from . import tiny
from .conftest import opinions, write_csv

pytestmark = [
    pytest.mark.usefixtures("mlflow_imported"),
    # Keras, as it saves TensorFlow's variables.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]
OPTIONS = {**tiny.options("bilstm", lambda: None), "epochs": 8}


@pytest.fixture(scope="module", autouse=True)
def needed():
    tiny.need("bilstm")


@pytest.fixture(scope="module")
def trainer(tracking_uri, home):
    """The command line, in a process of its own: this one may have TensorFlow at work."""

    def run(*arguments):
        command = [sys.executable, "-m", "trainer", *map(str, arguments)]
        return subprocess.run(
            command, check=False, env={**os.environ, "TRAINER_THREADS": "1"}, cwd=home,
            capture_output=True, text=True,
        )  # fmt: skip

    return run


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("pupil")


@pytest.fixture(scope="module")
def teacher(tracking_uri, home):
    """A folder that holds a model which knows all that `opinions` are made of."""
    from trainer.comparison.contest import save

    texts, labels = zip(*opinions(300), strict=True)
    save(FAMILIES["tfidf"](texts, labels, seed=0, folder=home), home / "teacher")
    return str(home / "teacher")


def test_it_learns_what_the_teacher_says_and_not_what_the_rows_do(teacher, home, tmp_path):
    texts = [text for text, _ in opinions(200, seed=1)]
    chance = random.Random(0)
    labels = [chance.choice(("negative", "positive")) for _ in texts]
    heard = []
    plan = Plan(
        options={**OPTIONS, "teacher": teacher}, cache=home, progress=lambda *said: heard.append(said)
    )
    fitted = FAMILIES["bilstm"](texts, labels, seed=0, folder=tmp_path, plan=plan)
    assert ("asking the teacher", 1.0) in heard
    asked = opinions(60, seed=2)
    answered = fitted.probabilities([text for text, _ in asked]).argmax(1)
    right = [fitted.labels[place] == label for place, (_, label) in zip(answered, asked, strict=True)]
    assert np.mean(right) > 0.9, "a row's own label is a coin's"
    assert len(fitted.parameters["teacher.model"]) == 32


def test_one_command_trains_teacher_and_pupil_and_sets_them_side_by_side(trainer, home):
    data, page = write_csv(home / "data.csv", opinions(300, noise=0.05)), home / "page.html"
    wanted = [f"--set=bilstm.{name}={value}" for name, value in {**OPTIONS, "teacher": "tfidf"}.items()]
    families = ("--family", "bilstm", "--family", "tfidf", "--no-curve", "--seeds", "2")
    result = trainer("compare", data, *families, *wanted, "--model", "pupils", "--out", page)
    assert result.returncode == 0, result.stderr
    events = [json.loads(line) for line in result.stderr.splitlines() if '"comparison.training"' in line]
    trained = [(one["family"], one["seed"]) for one in events]
    assert trained == [("tfidf", 0), ("tfidf", 1), ("bilstm", 0), ("bilstm", 1)]
    assert events[-1]["left_s"] > 0, "by then it is known how long it takes"
    assert page.read_text("utf-8").count("over 2 seeds") == 4


def test_copies_without_a_teacher_are_refused_for_nobody_knows_their_labels(tmp_path):
    texts, labels = zip(*opinions(60), strict=True)
    with pytest.raises(BadRequest, match="name a teacher"):
        FAMILIES["bilstm"](
            texts, labels, seed=0, folder=tmp_path, plan=Plan(options={**OPTIONS, "copies": 1})
        )


@pytest.mark.parametrize("option", ["teacher=nobody", "teacher=models:/nobody@champion"])
def test_a_teacher_that_is_none_is_told_before_anything_is_trained(trainer, home, option):
    data = write_csv(home / "few.csv", opinions(100))
    result = trainer("compare", data, "--family", "bilstm", f"--set=bilstm.{option}")
    assert result.returncode == 2
    assert "is no teacher" in result.stderr
