"""A registered model teaches: what it answers is found, remembered and kept honest. On a real MLflow."""

import numpy as np
import pytest
from typer.testing import CliRunner

from trainer.data.files import Columns
from trainer.errors import BadRequest, ModelUnusable
from trainer.logging import configure
from trainer.preparing import prepare

from .conftest import opinions, write_csv

TEXTS = [text for text, _ in opinions(40, seed=5)]
LABELS = ("negative", "positive")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("teacher")


@pytest.fixture(scope="module")
def files(home):
    """A file to learn from, and two to measure on."""
    seeds = {"training.csv": (400, 0), "one.csv": (60, 1), "other.csv": (60, 2)}
    return {name: write_csv(home / name, opinions(count, seed=seed)) for name, (count, seed) in seeds.items()}


@pytest.fixture(scope="module")
def taught(tracking_uri, home, files):
    """Version 1 was measured on a file of its own, version 2 on a part of its data; none is judged."""
    import mlflow

    mlflow.create_experiment("taught-tfidf", artifact_location=str(home / "artifacts"))
    for evaluation in (files["one.csv"], None):
        register(prepare(files["training.csv"], evaluation, Columns()), home)
    return "models:/taught/1"


def register(prepared, folder):
    from trainer import tracking
    from trainer.families import FAMILIES
    from trainer.registry import Registry

    texts, labels = [row.text for row in prepared.training], [row.label for row in prepared.training]
    sources = {"training": prepared.source, "evaluation": prepared.measured}
    inputs = {
        context: tracking.Data(source.file.name, source.file.sha256, source.rows_sha256)
        for context, source in sources.items()
        if source is not None
    }
    with tracking.run("taught-tfidf"):
        fitted = FAMILIES["tfidf"](texts, labels, seed=0, folder=folder)
        tracking.log_facts({}, {}, inputs)
        Registry("taught").register(tracking.log_model(fitted, {}, folder), {})


@pytest.fixture
def teacher(taught):
    from trainer.families import teacher

    return teacher


def silent(words, share):
    """Tell nobody."""


def test_what_it_said_is_what_the_model_answers_kept_without_a_text(teacher, taught, tmp_path):
    from trainer.registry import Registry

    found, heard = teacher.find(taught), []
    texts = [*TEXTS, "a canaryword so lovely", "a lone \ud83d surrogate", TEXTS[0]]
    said = teacher.answers(found, texts, LABELS, tmp_path, lambda *said: heard.append(said))
    assert said == pytest.approx(Registry("taught").load("1").probabilities(texts), abs=1e-12)
    assert heard == [("asking the teacher", 1.0)]
    (store,) = tmp_path.rglob("*.sqlite")
    assert b"canaryword" not in store.read_bytes()
    # Who is gone can be asked no more: these are remembered, in the order of the labels.
    gone = teacher.Teacher("models:/taught/99", found.model, found.run)
    again = teacher.answers(gone, texts[::-1], LABELS[::-1], tmp_path, silent)
    assert (again == said[::-1, ::-1]).all()


@pytest.mark.slow
def test_a_teacher_that_is_gone_or_of_other_labels_is_refused(teacher, taught, tmp_path):
    found = teacher.find(taught)
    gone = teacher.Teacher("models:/taught/99", found.model, found.run)
    with pytest.raises(ModelUnusable, match="models:/taught/99 cannot be loaded"):
        teacher.answers(gone, TEXTS, LABELS, tmp_path, silent)
    with pytest.raises(BadRequest, match="knows negative, positive, the rows are of bad, good"):
        teacher.answers(found, TEXTS, ("good", "bad"), None, silent)


def test_its_logits_are_those_that_softmax_turns_into_its_answers(teacher):
    said = np.array([[0.2, 0.5, 0.3], [0.0, 1.0, 0.0]])
    logits = teacher.logits(said)
    assert logits.sum(axis=1) == pytest.approx([0, 0], abs=1e-9)
    again = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert again == pytest.approx(said, abs=1e-5)


def test_a_copy_is_a_longer_text_less_some_words_and_no_text_comes_twice(teacher):
    long = [f"{number} " + " ".join("abcdefghijklmnopqrst") for number in range(50)]
    texts = [*long, "a short one", *long]
    copies = teacher.varied(texts, 3, seed=0)
    assert copies == teacher.varied(texts, 3, seed=0) != teacher.varied(texts, 3, seed=1)
    assert teacher.varied(texts, 0, seed=0) == []
    assert 2.5 * len(long) < len(copies) <= 6 * len(long)
    assert len({*copies, *texts}) == len(copies) + len(set(texts))
    words = [copy.split() for copy in copies]
    assert all(one == sorted(one) for one in words)
    assert 0.87 < np.mean([len(one) for one in words]) / 21 < 0.93


@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        ("models:/taught@champion", "no alias, which may mean another model tomorrow"),
        ("models:/taught/latest", "name models:/NAME/VERSION"),
        ("nobody", "'nobody' is no teacher"),
        ("models:/taught/99", "there is no teacher models:/taught/99"),
        ("runs:/0000/model", "there is no teacher runs:/0000/model"),
    ],
)
def test_a_teacher_is_named_by_what_does_not_move(teacher, taught, uri, sentence):
    with pytest.raises(BadRequest, match=sentence):
        teacher.find(uri)


@pytest.mark.parametrize(
    ("version", "evaluation", "is_unseen"),
    [(1, "one.csv", True), (1, "other.csv", False), (1, None, False), (2, None, True), (2, "one.csv", False)],
)
def test_a_teacher_that_may_have_seen_the_rows_to_measure_on_is_refused(
    taught, files, version, evaluation, is_unseen
):
    from trainer.seen import refuse_seen

    rows = prepare(files["training.csv"], files[evaluation] if evaluation else None, Columns())
    if is_unseen:
        refuse_seen(f"models:/taught/{version}", rows)
    else:
        with pytest.raises(BadRequest, match="may have learnt from the rows to measure on"):
            refuse_seen(f"models:/taught/{version}", rows)


def test_a_teacher_without_a_run_is_refused_for_nobody_knows_what_it_has_seen(taught, files, tmp_path):
    import mlflow

    from trainer.seen import refuse_seen

    folder = mlflow.artifacts.download_artifacts("models:/taught/1", dst_path=str(tmp_path / "model"))
    rows = prepare(files["training.csv"], files["one.csv"], Columns())
    refuse_seen(folder, rows)
    described = tmp_path / "model" / "MLmodel"
    lines = described.read_text("utf-8").splitlines(keepends=True)
    described.write_text("".join(line for line in lines if not line.startswith("run_id")), "utf-8")
    with pytest.raises(BadRequest, match="nobody knows which rows taught the teacher"):
        refuse_seen(folder, rows)


def test_a_training_that_names_a_teacher_is_refused_before_it_begins(taught, files):
    from trainer.__main__ import app

    arguments = ["train", "bilstm", "--data", str(files["training.csv"]), "--set", f"teacher={taught}"]
    result = CliRunner().invoke(app, arguments)
    configure("INFO")
    assert result.exit_code == 2
    assert "train both with the same --evaluation, or both without" in result.output
