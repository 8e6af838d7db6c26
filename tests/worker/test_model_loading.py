"""From files to a model that may serve: without MLflow where that will do, and refused with a reason."""

import json
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from tests.worker.registering import CODE, CODE_THAT_NEEDS_MLFLOW, canaries, save
from worker import loading
from worker.errors import ModelBroken, Refusal
from worker.model import RegisteredModel
from worker.versions import tried

HOST = {"device": "cpu", "threads": 2}
TEXTS = ["fine", "bad"]
WAYS = pytest.mark.parametrize("code", [CODE, CODE_THAT_NEEDS_MLFLOW], ids=["directly", "through MLflow"])

#: Loads a version in a process of its own, where nobody else has imported anything.
ALONE = """
import json, sys
from pathlib import Path
from worker.versions import tried
model = tried(Path(sys.argv[1]), "1", {})
heavy = {"mlflow", "pandas", "sqlalchemy", "sklearn", "pyarrow"} & set(sys.modules)
print(json.dumps([model.predict(["bad"])[0].score, sorted(heavy)]))
"""


@pytest.fixture(autouse=True)
def _forgotten(tmp_path: Path):
    """What a test has loaded is gone for the next one; MLflow's warnings about type hints are its own."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*type hint", category=UserWarning)
        yield
    loading.forget(tmp_path)


def load(folder: Path) -> RegisteredModel:
    return tried(folder, "1", HOST)


def refusal(folder: Path) -> ModelBroken:
    with pytest.raises(ModelBroken) as caught:
        load(folder)
    return caught.value


def alone(folder: Path) -> list:
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(folder)], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def test_a_model_of_one_file_is_loaded_without_mlflow(tmp_path: Path) -> None:
    assert alone(save(tmp_path / "model")) == [0.9, []]


def test_a_file_that_wants_more_of_mlflow_gets_the_real_one(tmp_path: Path) -> None:
    score, heavy = alone(save(tmp_path / "model", CODE_THAT_NEEDS_MLFLOW))
    assert score == 0.9
    assert "mlflow" in heavy


@WAYS
def test_both_ways_answer_as_mlflow_does(tmp_path: Path, code: str) -> None:
    import mlflow.pyfunc

    folder = save(tmp_path / "model", code)
    answers = load(folder).predict(TEXTS)
    said = mlflow.pyfunc.load_model(str(folder)).predict(TEXTS)
    assert [(one.label, one.score, dict(one.scores)) for one in answers] == [
        (one["label"], one["score"], one["scores"]) for one in said
    ]


def test_the_stand_ins_leave_the_real_mlflow_as_it_was(tmp_path: Path) -> None:
    import mlflow.pyfunc

    before = {name: module for name, module in sys.modules.items() if name.startswith("mlflow")}
    load(save(tmp_path / "model"))
    assert {name: module for name, module in sys.modules.items() if name.startswith("mlflow")} == before
    assert sys.modules["mlflow"] is mlflow


@pytest.mark.parametrize(
    "more", ["import mlflow.sklearn", "import mlflow\nmlflow.log_metric", "import mlflow.tracking as t"]
)
def test_any_other_name_of_mlflow_needs_the_real_one(tmp_path: Path, more: str, caplog) -> None:
    caplog.set_level("INFO", "worker.loading")
    assert load(save(tmp_path / "model", f"{more}\n{CODE}")).predict(TEXTS)
    assert "model.needs_mlflow" in caplog.messages


def test_the_host_tells_the_model_its_device_and_threads(tmp_path: Path) -> None:
    told = "assert self.config == {'device': 'cpu', 'threads': 2}"
    assert load(save(tmp_path / "model", on_load=told)).predict(TEXTS)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"on_load": "raise OSError('no weights')"}, Refusal.LOAD),
        ({"on_load": "raise SystemExit(1)"}, Refusal.LOAD),
        ({"on_load": "raise MemoryError"}, Refusal.MEMORY),
        ({"on_predict": "raise ValueError('no')"}, Refusal.ANSWERS),
        ({"on_predict": "raise MemoryError"}, Refusal.MEMORY),
        ({"on_predict": "model_input.pop()"}, Refusal.ANSWERS),
        ({"negative": 1.5}, Refusal.ANSWERS),
        ({"negative": float("nan")}, Refusal.ANSWERS),
        ({"canary": canaries(0.8)}, Refusal.CANARY),
        ({"canary": {"not": "a list"}}, Refusal.CANARY),
    ],
    ids=str,
)
@WAYS
def test_what_must_not_serve_is_refused_with_its_reason(
    tmp_path: Path, code: str, fault: dict, reason: Refusal
) -> None:
    assert refusal(save(tmp_path / "model", code, **fault)).reason is reason


def test_files_that_are_no_model_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path).reason is Refusal.LOAD
    (tmp_path / "MLmodel").write_text("- nothing")
    assert refusal(tmp_path).reason is Refusal.LOAD


def test_a_form_may_be_as_far_off_as_it_says(tmp_path: Path) -> None:
    near = canaries(0.8999)
    assert refusal(save(tmp_path / "exact", canary=near)).reason is Refusal.CANARY
    assert load(save(tmp_path / "form", canary=near, on_load="self.tolerance = 0.001")).predict(TEXTS)


def test_a_version_without_canaries_serves_and_that_is_said(tmp_path: Path, caplog) -> None:
    caplog.set_level("INFO", "worker.versions")
    assert load(save(tmp_path / "model", canary="none")).predict(TEXTS)
    assert caplog.messages == ["model.without_canary"]


def test_modules_of_the_same_name_are_each_versions_own(tmp_path: Path) -> None:
    shelf, said = tmp_path / "shelf", []
    for name in ("one", "two"):
        helper = tmp_path / name / "rule_helper.py"
        helper.parent.mkdir()
        helper.write_text(f"NAME = {name!r}")
        files = save(shelf / name, helper=helper, on_load="import rule_helper")
        loading.forget(shelf)
        load(files)
        said.append(sys.modules["rule_helper"].NAME)
    assert said == ["one", "two"]
    loading.forget(shelf)
    assert "rule_helper" not in sys.modules
    assert not [entry for entry in sys.path if entry.startswith(str(shelf))]
