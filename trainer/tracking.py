"""One training run as MLflow keeps it: parameters, metrics, plots, the model; never a text of the data."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.data.meta_dataset import MetaDataset

from trainer import plots
from trainer.canary import CANARIES
from trainer.cost import Cost
from trainer.data.profile import Profile
from trainer.errors import RegistryUnavailable, Stopped
from trainer.evaluation import Evaluation
from trainer.families.family import Fitted
from trainer.registry import is_missing, reachable, refuse_unjudged
from trainer.unfinished import CANCELED, ENDED_TAG

#: MLflow cuts a dataset's digest at 36 characters; the whole one is a tag.
DIGEST_LENGTH = 32


@dataclass(frozen=True, slots=True)
class Data:
    """One data file as the run remembers it."""

    name: str
    file_sha256: str
    rows_sha256: str


@contextmanager
def run(experiment: str) -> Iterator[str]:
    """Open a run and yield its id. It fails if the block raises, Ctrl-C included; canceled, it is killed."""
    with reachable():
        mlflow.set_experiment(experiment)
        active = mlflow.start_run()
    with active:
        try:
            yield active.info.run_id
        except Stopped:
            mlflow.set_tag(ENDED_TAG, CANCELED)
            mlflow.end_run("KILLED")
            raise


def abandon(run: str, why: str) -> bool:
    """End a run that its process left running, and refuse what it registered; return whether it ran."""
    client = mlflow.MlflowClient()
    try:
        with reachable():
            if client.get_run(run).info.status != "RUNNING":
                return False
            refuse_unjudged(run, why)
            client.set_tag(run, ENDED_TAG, why)
            client.set_terminated(run, "FAILED")
    except RegistryUnavailable as error:
        if is_missing(error):
            return False
        raise
    return True


def log_facts(parameters: Mapping[str, Any], tags: Mapping[str, str], inputs: Mapping[str, Data]) -> None:
    """Store what went into the run: ``inputs`` maps a context such as ``training`` to its file."""
    with reachable():
        mlflow.log_params(dict(parameters))
        mlflow.set_tags(dict(tags))
        for context, data in inputs.items():
            source = CodeDatasetSource({"file": data.name, "file_sha256": data.file_sha256})
            digest = data.rows_sha256[:DIGEST_LENGTH]
            mlflow.log_input(MetaDataset(source, name=data.name, digest=digest), context=context)


def log_learning(curve: Sequence[Mapping[str, float]], spent: Cost) -> None:
    """Store the learning curve, a metric a figure, and what the training took."""
    with reachable():
        for entry in curve:
            figures = {f"learning.{name}": value for name, value in entry.items() if name != "step"}
            mlflow.log_metrics(figures, step=int(entry["step"]))
        mlflow.log_metrics(spent.metrics())


def log_profile(found: Profile) -> None:
    """Store what is in the rows, in figures."""
    with reachable():
        mlflow.log_dict(found.to_dict(), "data_profile.json")


def log_evaluation(evaluation: Evaluation, folder: Path) -> None:
    """Store metrics, the whole evaluation as JSON, and its plots."""
    with reachable():
        mlflow.log_metrics(metrics(evaluation))
        mlflow.log_dict(evaluation.to_dict(), "evaluation.json")
        for path in plots.draw(evaluation, folder):
            mlflow.log_artifact(str(path), "plots")


def log_model(fitted: Fitted, metadata: Mapping[str, Any], folder: Path) -> str:
    """Store the model with its canary answers; return its URI."""
    canary = folder / "canary.json"
    canary.write_text(json.dumps(canary_answers(fitted), indent=1), "utf-8")
    artifacts = {name: str(path) for name, path in {**fitted.artifacts, "canary": canary}.items()}
    with reachable():
        info = mlflow.pyfunc.log_model(
            name="model",
            python_model=str(fitted.code),
            artifacts=artifacts,
            pip_requirements=list(fitted.requirements),
            model_config=dict(fitted.model_config) or None,
            input_example=[CANARIES[0]],
            metadata=dict(metadata),
        )
    return str(info.model_uri)


def canary_answers(fitted: Fitted) -> list[dict[str, Any]]:
    """Return each canary text with its scores by label."""
    rows = fitted.probabilities(CANARIES).tolist()
    return [
        {"text": text, "scores": dict(zip(fitted.labels, row, strict=True))}
        for text, row in zip(CANARIES, rows, strict=True)
    ]


def metrics(evaluation: Evaluation) -> dict[str, float]:
    """Return the figures under names MLflow accepts, whatever the labels."""
    figures = {
        "accuracy": evaluation.accuracy,
        "macro_f1": evaluation.macro_f1,
        "ece": evaluation.ece,
        "evaluation_rows": float(evaluation.rows),
    }
    for label, one in evaluation.per_class.items():
        name = re.sub(r"[^\w\-. /]", "_", label)
        figures |= {f"precision.{name}": one.precision, f"recall.{name}": one.recall, f"f1.{name}": one.f1}
    return figures
