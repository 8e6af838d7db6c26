"""The commands that measure models side by side, on a real MLflow; each model in a process of its own."""

import json
import re

import pytest
from typer.testing import CliRunner

from trainer.commands.comparing import seconds, size
from trainer.errors import BadRequest
from trainer.logging import configure

from .conftest import opinions, write_csv


@pytest.fixture(scope="module")
def trainer(tracking_uri):
    from trainer.__main__ import app

    yield lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])
    configure("INFO")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("comparison")


@pytest.fixture(scope="module")
def data(home):
    rows = [
        *opinions(598, noise=0.1),
        ("a canaryword so lovely", "positive"),
        ("dreadful canaryword", "negative"),
    ]
    return write_csv(home / "opinions.csv", rows)


@pytest.fixture(scope="module")
def registered(trainer, data, home):
    """A model with one version, and the id of its run."""
    import mlflow

    mlflow.create_experiment("compared-tfidf", artifact_location=str(home / "artifacts"))
    mlflow.create_experiment("compared-comparison", artifact_location=str(home / "artifacts"))
    result = trainer("train", "tfidf", "--data", data, "--model", "compared", "--no-promote", "--lessons")
    assert result.exit_code == 0, result.output
    (run,) = mlflow.search_runs(experiment_names=["compared-tfidf"], output_format="list")
    return run.info.run_id


@pytest.fixture(scope="module")
def compared(trainer, registered, data, home):
    """The page of one comparison, and what the command said."""
    page = home / "page.html"
    result = trainer(
        "compare", data, "--family", "tfidf", "--version", "1", "--model", "compared",
        "--seeds", "2", "--lessons", "--max-p99", "500ms", "--max-memory", "1GB", "--out", page,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    return page.read_text("utf-8"), result.output


def test_the_page_shows_every_figure_and_asks_nobody_for_anything(compared):
    page, _ = compared
    for words in (
        "macro-F1", "precision / recall of negative", "calibration error", "training time",
        "one text: p50 / p99", "32 texts: p50 / p99", "memory it adds", "size on disk", "cold start",
        "a million predictions", "explanation", "over 2 seeds", "not bad", "names", "negation",
        "complex", "Learning curve", "1392 of them lessons",
    ):  # fmt: skip
        assert words in page, words
    assert page.count("<svg") == 5
    fetched = re.findall(r'(?:src|href|url)\s*[=(]\s*["\']?(https?:)', page)
    assert fetched == [], "a namespace is a name, no address"
    assert "<script" not in page
    assert "canaryword" not in page


def test_one_of_them_is_recommended_for_the_goal(compared):
    page, said = compared
    assert "for the best f1, a 99th percentile up to 500 ms, memory up to 1,000.0 MB, take" in said
    assert "may be chance" in page, "the same family on the same rows is the same model"


def test_page_and_figures_are_an_mlflow_run(compared):
    import mlflow

    page, _ = compared
    (run,) = mlflow.search_runs(experiment_names=["compared-comparison"], output_format="list")
    assert mlflow.artifacts.load_text(f"{run.info.artifact_uri}/comparison.html") == page
    figures = json.loads(mlflow.artifacts.load_text(f"{run.info.artifact_uri}/comparison.json"))
    trained, registered = figures["contestants"]
    assert (trained["name"], registered["name"]) == ("tfidf", "version 1 (tfidf)")
    assert trained["evaluation"]["macro_f1"] == registered["evaluation"]["macro_f1"]
    assert trained["macro_f1_by_seed"] == [trained["evaluation"]["macro_f1"]] * 2
    assert [point["share"] for point in trained["learning"]] == [0.01, 0.03, 0.1, 0.3, 1.0]
    for one in (trained, registered):
        serving = one["serving"]
        assert 0 < serving["single"]["p50_s"] <= serving["single"]["p99_s"]
        assert serving["throughput"] > 100
        assert 10**5 < serving["memory"] < 10**9
        assert serving["explain_s"] > 0


def test_a_run_is_reproduced_exactly_and_other_rows_are_refused(trainer, registered, data, home):
    result = trainer("reproduce", registered, "--data", data)
    assert result.exit_code == 0, result.output
    assert "greatest difference of a canary's score: 0" in result.output
    assert "the same, within 0 of macro-F1" in result.output
    # The run's tags say that its code was of another commit, and changed.
    import mlflow

    for name, value in (("commit", "0" * 40), ("dirty", "true")):
        mlflow.MlflowClient().set_tag(registered, f"barometer.code.{name}", value)
    other_code = trainer("reproduce", registered, "--data", data)
    assert other_code.exit_code == 0, other_code.output
    assert "the code was changed and not committed then" in other_code.output
    assert "the code is another: commit 000000000000 then" in other_code.output
    other = trainer("reproduce", registered, "--data", write_csv(home / "other.csv", opinions(600, seed=3)))
    assert other.exit_code == 2
    assert "other.csv does not hold the rows" in other.output
    unknown = trainer("reproduce", "0" * 32, "--data", data)
    assert unknown.exit_code == 2
    assert "there is no run '0000" in unknown.output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "nothing to compare: name a --family to train or a --version"),
        (("--family", "oracle"), "there is no family 'oracle'"),
        (("--family", "tfidf", "--set", "c=1"), "--set c names no family: write --set bert.c=1"),
        (("--version", "champion"), "has no champion"),
        (("--family", "tfidf", "--max-p99", "20"), "'20' is no duration: say 20ms or 1.5s"),
        (("--family", "tfidf", "--max-memory", "much"), "'much' is no size: say 512MB or 2GiB"),
        (("--family", "tfidf", "--optimise", "beauty"), "'beauty' is nothing to optimise; there are: f1,"),
    ],
)
def test_a_wrong_question_gets_one_sentence(trainer, data, arguments, sentence):
    result = trainer("compare", data, "--model", "nobody", *arguments)
    assert result.exit_code == 2, result.output
    assert sentence in result.output


def test_the_history_says_who_moved_which_alias(trainer, registered):
    result = trainer("history", "--model", "compared", "--json")
    (move,) = json.loads(result.stdout)
    assert (move["alias"], move["from"], move["to"], move["by"]) == ("challenger", None, "1", "gate")


def test_the_worst_errors_are_rows_and_no_texts(trainer, registered, data):
    result = trainer("evaluate", data, "--model", "compared", "--version", "1", "--worst", "5", "--json")
    worst = json.loads(result.stdout)["worst"]
    assert len(worst) == 5
    assert [error["score"] for error in worst] == sorted((e["score"] for e in worst), reverse=True)
    assert all(error["truth"] != error["answered"] for error in worst)
    assert "The " not in result.stdout


@pytest.mark.parametrize(("said", "value"), [("20ms", 0.02), ("1.5s", 1.5), ("2 s", 2.0)])
def test_durations_are_read(said, value):
    assert seconds(said) == value


def test_sizes_are_read_and_nonsense_is_refused():
    assert size("512MB") == 512 * 10**6
    with pytest.raises(BadRequest):
        size("1.5 stones")
