"""From a file to a comparison that MLflow keeps: the order of the steps, not their inside."""

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlflow

from contract.registry import DEFAULT_MODEL
from trainer import checkpoints, provenance
from trainer.comparison.contest import Contest
from trainer.comparison.page import Comparison, page
from trainer.comparison.planning import Entry, check, teachers
from trainer.comparison.recommending import Goal, recommend
from trainer.comparison.trainings import Step, Trainings
from trainer.data.files import Columns
from trainer.data.rows import digest
from trainer.errors import BadRequest
from trainer.floors import megabytes
from trainer.preparing import Prepared, prepare
from trainer.registry import Registry, reachable
from trainer.seen import refuse_seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to compare on what, and for which purpose. ``versions`` may be numbers or aliases."""

    data: Path
    evaluation: Path | None = None
    columns: Columns = field(default_factory=Columns)
    model: str = DEFAULT_MODEL
    families: tuple[str, ...] = ()
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    versions: tuple[str, ...] = ()
    seeds: int = 1
    curve: bool = True
    lessons: bool = False
    goal: Goal = field(default_factory=Goal)
    price_per_hour: float = 0.05
    #: Where unfinished comparisons are kept.
    checkpoints: Path


def compare(request: Request, registry: Registry, step: Step) -> tuple[Comparison, str]:
    """Compare, and store page and figures as an MLflow run; return the comparison and the run's id.

    Raises:
        BadRequest: there is nothing to compare, or the models' labels differ.
        BadData, ModelUnusable: as for training and loading.
    """
    entry = Entry(
        families=request.families,
        options=request.options,
        versions=tuple(one if one.isdecimal() else registry.resolve(one) for one in request.versions),
        seeds=request.seeds,
        curve=request.curve,
    )
    check(entry)
    step("reading")
    prepared = prepare(request.data, request.evaluation, request.columns, lessons=request.lessons)
    for family, options in entry.options.items():
        # One that is trained here learns from the same rows, never from those to measure on.
        if options.get("teacher") and family not in teachers(entry):
            refuse_seen(str(options["teacher"]), prepared)
    with checkpoints.kept(request.checkpoints, _name(prepared)) as kept:
        trainings = Trainings(prepared, entry, kept, request.checkpoints, step)
        contest = Contest(prepared, entry, trainings, step)
        contestants = tuple(contest.run(registry))
    labels = contestants[0].evaluation.labels
    for one in contestants:
        if one.evaluation.labels != labels:
            raise BadRequest(
                f"{one.name} knows other labels than {contestants[0].name}: compare like with like"
            )
    comparison = Comparison(
        contestants=contestants,
        recommendation=recommend(contestants, contest.truth(labels), request.goal),
        goal=told(request.goal),
        price_per_hour=request.price_per_hour,
        facts=_facts(request, prepared),
    )
    step("storing")
    return comparison, _store(request, comparison)


def _name(prepared: Prepared) -> str:
    """Name what is compared on: asked for again, with more families even or other options, it goes on."""
    sides = [digest(prepared.training), digest(prepared.evaluation)]
    return checkpoints.key({"compared": sides, "versions": provenance.versions()})


def told(goal: Goal) -> str:
    """Say a goal in words."""
    limits = (
        goal.max_p99_s is not None and f"a 99th percentile up to {goal.max_p99_s * 1000:g} ms",
        goal.max_memory is not None and f"memory up to {megabytes(goal.max_memory)}",
        goal.max_size is not None and f"a size up to {megabytes(goal.max_size)}",
        goal.min_f1 is not None and f"a macro-F1 of {goal.min_f1:g} at least",
    )
    return ", ".join([f"the best {goal.aim}", *(limit for limit in limits if limit)])


def _facts(request: Request, prepared: Prepared) -> dict[str, str]:
    source = prepared.source
    facts = {
        "data": f"{source.file.name}, rows {source.rows_sha256}",
        "rows": f"{len(prepared.training)} to train on ({prepared.lessons} of them lessons), "
        f"{len(prepared.evaluation)} to measure on; "
        f"{source.cleaned.repeated} repeated, {source.cleaned.contradictory} contradictory and "
        f"{prepared.leaked} leaking ones left out",
        "options": "; ".join(
            f"{family}: {', '.join(f'{name}={value}' for name, value in given.items())}"
            for family, given in request.options.items()
        )
        or "as usual",
        "seeds": ", ".join(map(str, range(request.seeds))),
        "when": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
    }
    if prepared.measured is not None:
        measured = prepared.measured
        facts["measured on"] = f"{measured.file.name}, rows {measured.rows_sha256}"
    code = provenance.code()
    if code:
        facts["code"] = code["commit"] + (" with changes" if code["dirty"] == "true" else "")
    facts["packages"] = ", ".join(f"{name} {number}" for name, number in provenance.versions().items())
    return facts


def _store(request: Request, comparison: Comparison) -> str:
    with reachable():
        mlflow.set_experiment(f"{request.model}-comparison")
        with mlflow.start_run() as run:
            mlflow.log_params({"goal": comparison.goal, "seeds": request.seeds, "data": request.data.name})
            mlflow.set_tag("barometer.recommendation", comparison.recommendation.name or "none")
            for one in comparison.contestants:
                name = one.name.replace("(", "").replace(")", "")
                mlflow.log_metric(f"macro_f1.{name}", one.evaluation.macro_f1)
                mlflow.log_metric(f"p99_s.{name}", one.serving.single.p99_s)
            mlflow.log_text(page(comparison), "comparison.html")
            mlflow.log_dict(comparison.to_dict(), "comparison.json")
            return str(run.info.run_id)
