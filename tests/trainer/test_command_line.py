import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from trainer.errors import RegistryUnavailable
from trainer.logging import configure

from .conftest import opinions, write_csv


@pytest.fixture
def trainer(tracking_uri):
    from trainer.__main__ import app

    yield lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])
    # The runner's stderr is closed; the next test's log must not go there.
    configure("INFO")


@pytest.fixture
def many(tmp_path) -> Path:
    """Enough rows for the default limits."""
    return write_csv(tmp_path / "many.csv", opinions(1500))


def test_train_then_refuse_then_force_then_roll_back(trainer, model, many, tmp_path):
    first = trainer("train", "tfidf", "--data", many, "--model", model)
    assert first.exit_code == 0, first.output
    assert "gate: passed" in first.output
    assert "version 1 is the champion now" in first.output

    again = trainer("train", "tfidf", "--data", many, "--model", model)
    assert again.exit_code == 0
    assert "gate: refused" in again.output
    assert "not better than the champion" in again.output
    assert "the champion stays" in again.output

    refused = trainer("promote", "2", "--model", model)
    assert refused.exit_code == 1
    assert "the gate has not passed version 2: not better than the champion" in refused.output

    unexplained = trainer("promote", "2", "--model", model, "--force")
    assert unexplained.exit_code == 2
    assert "--force needs --reason" in unexplained.output

    forced = trainer("promote", "2", "--model", model, "--force", "--reason", "the labels are new")
    assert forced.exit_code == 0
    assert f"version 2 of {model} is the champion" in forced.output

    back = trainer("rollback", "--model", model)
    assert back.exit_code == 0
    assert f"version 1 of {model} is the champion again, version 2 the previous one" in back.output

    table = trainer("evaluate", many, "--model", model)
    assert table.exit_code == 0
    assert "macro-F1" in table.output
    figures = json.loads(trainer("evaluate", many, "--model", model, "--version", "2", "--json").stdout)
    assert (figures["version"], figures["rows"]) == ("2", 1500)
    assert set(figures["per_class"]) == {"negative", "positive"}
    assert figures["macro_f1"] > 0.9

    starter = trainer("starter", "--model", model)
    assert starter.exit_code == 0
    assert f"{model} has a champion already, version 1: nothing to do" in starter.output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("train", "tfidf", "--data", "none.csv"), "there is no file none.csv"),
        (
            ("train", "tfidf", "--data", "MANY", "--text-column", "review"),
            "there is no column 'review'; there are: text, label",
        ),
        (
            ("train", "oracle", "--data", "MANY"),
            "there is no family 'oracle'; there are: tfidf, bilstm, bert",
        ),
        (("train", "tfidf", "--data", "MANY", "--set", "c=2"), "tfidf has no option 'c'"),
        (("train", "tfidf", "--data", "MANY", "--set", "C"), "--set C says no value: write --set C=VALUE"),
        (("train", "bert", "--data", "MANY", "--set", "epoch=2"), "bert has no option 'epoch'; its options"),
        (
            ("train", "bert", "--data", "MANY", "--set", "epochs=many"),
            "the options of bert are wrong: epochs: Input should be a valid integer",
        ),
        (("evaluate", "MANY"), "has no champion, nor any other alias"),
        (("evaluate", "MANY", "--version", "1", "--alias", "champion"), "give one of them"),
        (("promote", "9"), "there is no version 9"),
        (("rollback",), "no previous version to go back to"),
    ],
)
def test_bad_input_gets_one_sentence_and_exit_code_two(trainer, model, many, arguments, sentence):
    result = trainer(*(many if a == "MANY" else a for a in arguments), "--model", model)
    assert result.exit_code == 2
    assert sentence in result.output
    assert "Traceback" not in result.output


def test_rows_left_out_are_told(trainer, model, tmp_path):
    rows = [*opinions(300), *opinions(4), ("torn", "positive"), ("torn", "negative")]
    result = trainer("train", "tfidf", "--data", write_csv(tmp_path / "rows.csv", rows), "--model", model)
    assert "rows.csv: 4 repeated rows left out" in result.output
    assert "rows.csv: 2 rows left out, bearing several labels" in result.output


def test_wrong_settings_are_named(trainer, monkeypatch):
    monkeypatch.setenv("TRAINER_LOG_LEVEL", "LOUD")
    result = trainer("rollback")
    assert result.exit_code == 2
    assert "the settings are wrong: log_level" in result.output


def test_an_absent_mlflow_is_named_with_what_to_do(tracking_uri, monkeypatch):
    from mlflow import MlflowClient

    from trainer.registry import reachable

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    sentence = "start it, or set MLFLOW_TRACKING_URI"
    with pytest.raises(RegistryUnavailable, match=sentence), reachable():
        MlflowClient("http://127.0.0.1:9", "http://127.0.0.1:9").get_registered_model("any")


def test_help_shows_examples_and_imports_nothing_heavy():
    code = (
        "import sys, trainer.__main__ as m\n"
        "try: m.app(['--help'])\n"
        "except SystemExit: pass\n"
        "assert not {'mlflow', 'numpy', 'sklearn', 'pandas', 'rq'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "python -m trainer train" in done.stdout
