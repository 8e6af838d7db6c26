"""Trains again what a run has trained, and says whether the same came of it (``sameness``)."""

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow

from trainer import provenance
from trainer.canary import CANARIES
from trainer.data.files import Columns
from trainer.data.stored import Texts
from trainer.errors import BadData, BadRequest, RegistryUnavailable
from trainer.evaluation import evaluate
from trainer.families import FAMILIES
from trainer.families.family import Fitted, Plan
from trainer.preparing import Prepared, prepare
from trainer.registry import is_missing, reachable
from trainer.sameness import CLOSE, TOLERANCES, Reproduction, remarks


@dataclass(frozen=True, slots=True)
class _Run:
    """What a run says of itself."""

    family: str
    seed: int
    options: dict[str, Any]
    macro_f1: float
    rows_sha256: str
    lessons: bool
    canaries: list[dict[str, Any]]
    code: dict[str, str]
    versions: dict[str, str]


def reproduce(
    run: str, data: Path, evaluation: Path | None, columns: Columns, step: Callable[[str], None]
) -> Reproduction:
    """Train again and compare.

    Raises:
        BadRequest: there is no such run, or it is no training's.
        BadData: the rows are not those of the run.
    """
    step("looking up")
    before = _look_up(run)
    step("reading")
    prepared = prepare(data, evaluation, columns, lessons=before.lessons)
    if prepared.rows_sha256 != before.rows_sha256:
        raise BadData(f"{data.name} does not hold the rows that run {run} was trained on: its digest differs")
    step("training")
    with tempfile.TemporaryDirectory(prefix="barometer-") as folder:
        texts, labels = Texts(prepared.training), [row.label for row in prepared.training]
        plan = Plan(options=before.options)
        fitted = FAMILIES[before.family](texts, labels, seed=before.seed, folder=Path(folder), plan=plan)
        step("comparing")
        return Reproduction(
            run=run,
            family=before.family,
            seed=before.seed,
            macro_f1=(before.macro_f1, _macro_f1(fitted, prepared)),
            greatest_score_difference=_greatest(fitted, before.canaries),
            tolerance=TOLERANCES.get(before.family, CLOSE),
            remarks=remarks(before.code, provenance.code(), before.versions, provenance.versions()),
        )


def _look_up(run: str) -> _Run:
    try:
        with reachable():
            found = mlflow.MlflowClient().get_run(run)
    except RegistryUnavailable as error:
        if is_missing(error):
            raise BadRequest(f"there is no run '{run}': MLflow and the training's log have its id") from error
        raise
    tags, outputs = found.data.tags, found.outputs
    if "barometer.family" not in tags or outputs is None or not outputs.model_outputs:
        raise BadRequest(f"run {run} is no training that ended with a model")
    with tempfile.TemporaryDirectory(prefix="barometer-") as folder, reachable():
        files = mlflow.artifacts.download_artifacts(
            f"models:/{outputs.model_outputs[0].model_id}", dst_path=folder
        )
        canaries = json.loads(next(Path(files).rglob("canary.json")).read_text("utf-8"))
    return _Run(
        family=tags["barometer.family"],
        seed=int(tags["barometer.seed"]),
        options=json.loads(tags.get("barometer.options", "{}")),
        macro_f1=found.data.metrics["macro_f1"],
        rows_sha256=tags["barometer.data.rows_sha256"],
        lessons=tags.get("barometer.lessons") == "true",
        canaries=canaries,
        code={
            name: tags[f"barometer.code.{name}"]
            for name in ("commit", "dirty")
            if f"barometer.code.{name}" in tags
        },
        versions=json.loads(tags.get("barometer.versions", "{}")),
    )


def _macro_f1(fitted: Fitted, prepared: Prepared) -> float:
    texts, truth = [row.text for row in prepared.evaluation], [row.label for row in prepared.evaluation]
    return evaluate(fitted.labels, truth, fitted.probabilities(texts)).macro_f1


def _greatest(fitted: Fitted, canaries: list[dict[str, Any]]) -> float:
    """Return the greatest difference between a canary's scores, stored and new."""
    new = fitted.probabilities(CANARIES)
    return max(
        abs(float(stored["scores"][label]) - float(row[place]))
        for stored, row in zip(canaries, new, strict=True)
        for place, label in enumerate(fitted.labels)
    )
