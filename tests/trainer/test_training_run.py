"""What a training leaves in MLflow besides the model."""

import json

import pytest

from trainer.gate import Limits


def test_a_run_tells_what_the_training_cost_and_with_which_options(model, opinions_csv, tmp_path):
    import mlflow

    from trainer.registry import Registry
    from trainer.training import Request, train

    request = Request(
        data=opinions_csv(),
        model=model,
        options={"C": "2", "bayes": 0.5},
        checkpoints=tmp_path / "unfinished",
    )
    outcome = train(request, Registry(model), Limits(), lambda step: None)
    (run,) = mlflow.search_runs(experiment_names=[f"{model}-tfidf"], output_format="list")
    figures = run.data.metrics
    assert figures["training.cpu_s"] > 0
    assert 0 < figures["training.wall_s"] < 60
    assert 50 < figures["training.peak_mib"] < 10_000
    assert figures["training.estimated_wh"] == pytest.approx(figures["training.cpu_s"] * 10 / 3600)
    assert (run.data.params["C"], run.data.params["bayes"]) == ("2.0", "0.5")
    tags = Registry(model).version(outcome.version).tags
    assert json.loads(tags["barometer.options"]) == {"C": "2", "bayes": 0.5}
    # Registered: nothing is unfinished any more.
    assert list((tmp_path / "unfinished").iterdir()) == []


def test_a_curve_becomes_a_metric_a_figure_at_its_steps(tracking_uri, tmp_path):
    import mlflow

    from trainer import tracking
    from trainer.cost import Cost

    curve = [{"step": 5, "loss": 0.7, "macro_f1": 0.5}, {"step": 10, "macro_f1": 0.8}]
    with tracking.run("a-curve") as run_id:
        tracking.log_learning(curve, Cost(wall_s=1, cpu_s=2, peak_mib=3))
    told = [(m.step, m.value) for m in mlflow.MlflowClient().get_metric_history(run_id, "learning.macro_f1")]
    assert told == [(5, 0.5), (10, 0.8)]


def test_a_family_for_one_process_refuses_to_be_shared(opinions_csv):
    from trainer.errors import BadRequest
    from trainer.training import Request, assist

    with pytest.raises(BadRequest, match="tfidf trains in one process: start it without torchrun"):
        assist(Request(data=opinions_csv()))
