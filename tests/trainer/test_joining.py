"""Feedback beside a file: who has the last word, which side a row is on, and what a run tells of it."""

import numpy as np
import pytest

from tests.trainer.conftest import Rows, opinions, write_csv
from trainer.data.files import Columns, File
from trainer.data.joining import FEEDBACK, join
from trainer.data.rows import Row, skeleton
from trainer.data.split import is_for_evaluation
from trainer.gate import Limits
from trainer.preparing import prepare
from trainer.slices import slices_of

KNOWN = (Row(1, "The soup was lovely", "good"), Row(2, "The queue was rude", "bad"))


def told(*rows: tuple[str, str]) -> tuple[Row, ...]:
    return tuple(Row(number, text, label) for number, (text, label) in enumerate(rows, start=1))


@pytest.mark.parametrize(
    ("rows", "kept", "left_out"),
    [
        pytest.param([("new", "bad")], [("new", "bad")], {}, id="a new text is added"),
        pytest.param([("the soup was LOVELY!", "good")], [], {"repeated": 1}, id="the file has it"),
        pytest.param([("the soup was LOVELY!", "bad")], [], {"contradictory": 1}, id="the file wins"),
        pytest.param([("new", "bad"), ("New!", "bad")], [("new", "bad")], {"repeated": 1}, id="counts once"),
        pytest.param(
            [("new", "good"), ("New!", "bad"), ("new", "bad")],
            [("New!", "bad")],
            {"repeated": 1, "contradictory": 1},
            id="the majority decides",
        ),
        pytest.param([("new", "good"), ("new", "bad")], [], {"contradictory": 2}, id="no majority"),
        pytest.param([("new", "so-so")], [], {"unknown": 1}, id="a label the file does not know"),
        pytest.param([(" ", "bad")], [], {"empty": 1}, id="no text"),
    ],
)
def test_feedback_adds_what_is_new_and_agreed_on_and_the_rest_is_counted(rows, kept, left_out):
    joined = join(KNOWN, ("good", "bad"), told(*rows))
    assert [(row.text, row.label, row.source) for row in joined.rows] == [(*one, FEEDBACK) for one in kept]
    counted = {"repeated": 0, "contradictory": 0, "unknown": 0, "empty": 0, **left_out}
    assert {name: getattr(joined, name) for name in counted} == counted


def feedback(rows: Rows) -> File:
    return File("feedback", "0" * 64, told(*((f"{text}, they say", label) for text, label in rows)))


def test_feedback_is_split_by_its_texts_and_changes_no_side_of_the_file(tmp_path):
    data = write_csv(tmp_path / "data.csv", opinions(300))
    alone, joined = (prepare(data, None, Columns(), told=told) for told in (None, feedback(opinions(200))))
    assert tuple(row for row in joined.evaluation if row.source != FEEDBACK) == alone.evaluation
    assert [row for row in joined.training if row.source != FEEDBACK] == list(alone.training)
    new = [row for row in joined.evaluation if row.source == FEEDBACK]
    assert all(is_for_evaluation(row.text) for row in new)
    found = joined.feedback(gone=7)
    assert (found["training"] + found["evaluation"], found["gone"]) == (200, 7)
    assert found["evaluation"] == len(new) > 20
    assert joined.rows_sha256 != alone.rows_sha256 == joined.source.rows_sha256


def test_a_file_to_measure_on_is_measured_with_feedback_beside_it(tmp_path):
    data = write_csv(tmp_path / "data.csv", opinions(300))
    measured = write_csv(tmp_path / "measured.csv", opinions(40, seed=9))
    joined = prepare(data, measured, Columns(), told=feedback(opinions(200)))
    assert [row.source for row in joined.evaluation] == [""] * 40 + [FEEDBACK] * (len(joined.evaluation) - 40)
    assert len(joined.evaluation) > 60
    asked = {skeleton(row.text) for row in joined.evaluation}
    assert not asked & {skeleton(row.text) for row in joined.training}


def test_sources_are_slices_so_that_feedback_cannot_buy_what_it_spoils():
    rows = [*KNOWN, Row(1, "new", "bad", FEEDBACK)]
    found = slices_of(rows)
    assert np.flatnonzero(found["the data file"]).tolist() == [0, 1]
    assert np.flatnonzero(found["feedback"]).tolist() == [2]
    assert "the data file" not in slices_of(KNOWN)


def train(model: str, **wanted):
    from trainer.registry import Registry
    from trainer.training import Request
    from trainer.training import train as run

    limits = Limits(behaviour=dict.fromkeys(Limits().behaviour, 1.0))
    return run(Request(model=model, **wanted), Registry(model), limits, lambda step: None)


def test_a_run_tells_how_much_feedback_it_learnt_from_and_its_digest(model, tmp_path):
    import mlflow

    data = write_csv(tmp_path / "data.csv", opinions(300))
    outcome = train(model, data=data, told=feedback(opinions(100)), gone=3)
    (run,) = mlflow.search_runs(experiment_names=[f"{model}-tfidf"], output_format="list")
    names = ("feedback.training", "feedback.evaluation", "feedback.gone", "feedback.contradictory")
    counts = [int(run.data.params[name]) for name in names]
    assert sum(counts[:2]) == 100
    assert counts[2:] == [3, 0]
    inputs = {one.tags[0].value: one.dataset.digest for one in run.inputs.dataset_inputs}
    assert inputs.keys() == {"training", "feedback"}
    assert run.data.tags["barometer.data.rows_sha256"] == outcome.prepared.rows_sha256


def test_poisoned_feedback_is_refused_though_it_wins_on_its_own_rows(model, tmp_path):
    data = write_csv(tmp_path / "data.csv", opinions(400))
    assert train(model, data=data).promoted
    turned = {"positive": "negative", "negative": "positive"}
    poison = [(f"{text}, truly", turned[label]) for text, label in opinions(1500, seed=5)]
    verdict = train(model, data=data, told=feedback(poison)).verdict
    assert not verdict.passed
    assert verdict.difference.point > 0, "on all rows together the poison wins"
    assert any(reason.startswith("worse than the champion on the data file") for reason in verdict.reasons)
