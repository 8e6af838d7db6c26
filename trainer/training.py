"""From a data file to a registered version with a verdict: the order of the steps, not their inside."""

import json
import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contract.registry import DATA_TAG, DEFAULT_MODEL, LABELS_TAG, METRICS_TAG
from trainer import checkpoints, cost, provenance, tracking, unfinished
from trainer.cost import Cost
from trainer.data.files import Columns, File
from trainer.data.profile import profile
from trainer.data.rows import digest
from trainer.data.stored import Texts
from trainer.errors import BadRequest, TrainerError
from trainer.evaluation import Evaluation, evaluate
from trainer.families import FAMILIES, SHARED
from trainer.families.family import AS_USUAL, Fitted, Plan, Progress
from trainer.floors import Limits
from trainer.gate import Verdict
from trainer.judging import decide
from trainer.preparing import Prepared, Source, prepare
from trainer.registry import Registry, refuse_unjudged
from trainer.seen import refuse_seen
from trainer.slices import slices_of

#: Called with a few words whenever the next step begins.
Step = Callable[[str], None]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to train on and how. Without ``evaluation`` part of ``data`` is held back to measure on.

    ``told`` is what people said of predictions, to be learnt and measured on too; of another ``gone``, the
    text is not known any more. ``options`` are the family's own. Without ``checkpoints``, a folder, one that
    is cut off starts anew.
    """

    data: Path
    evaluation: Path | None = None
    columns: Columns = field(default_factory=Columns)
    told: File | None = None
    gone: int = 0
    family: str = "tfidf"
    options: Mapping[str, Any] = field(default_factory=dict)
    checkpoints: Path | None = None
    model: str = DEFAULT_MODEL
    seed: int = 0
    promote: bool = True
    lessons: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it. ``promoted`` tells whether the version serves now."""

    model: str
    version: str
    prepared: Prepared
    evaluation: Evaluation
    verdict: Verdict
    promoted: bool
    spent: Cost


def train(
    request: Request,
    registry: Registry,
    limits: Limits,
    step: Step,
    progress: Progress = AS_USUAL.progress,
) -> Outcome:
    """Train, measure, register, judge, and promote if the gate allows and the request wants it.

    A crash at any point leaves a failed run or a version without a passed verdict, and neither serves.
    """
    prepared = _prepare(request, step)
    with (
        unfinished.marked(request.checkpoints) as mark,
        tracking.run(f"{request.model}-{request.family}") as run_id,
    ):
        mark(run_id)
        version, evaluation, spent = _make(request, registry, prepared, step, progress)
        step("judging")
        with _judged(run_id):
            decision = decide(
                registry, version, prepared.evaluation, limits,
                seed=request.seed, promote=request.promote, step=step,
            )  # fmt: skip
    _log.info(
        "training.finished",
        extra={
            "model": request.model,
            "version": version,
            "run": run_id,
            "gate": decision.verdict.word,
            "promoted": decision.promoted,
        },
    )
    return Outcome(
        model=request.model, version=version, prepared=prepared,
        evaluation=evaluation, verdict=decision.verdict, promoted=decision.promoted, spent=spent,
    )  # fmt: skip


@contextmanager
def _judged(run: str) -> Iterator[None]:
    """Leave no version without a verdict, also if the judging is cut off."""
    try:
        yield
    except BaseException as error:
        with suppress(TrainerError):
            refuse_unjudged(run, f"the judging ended with {type(error).__name__}")
        raise


def _make(
    request: Request, registry: Registry, prepared: Prepared, step: Step, progress: Progress
) -> tuple[str, Evaluation, Cost]:
    """Train, measure and register; return the version, its figures and what the training took."""
    texts, truth = [row.text for row in prepared.evaluation], [row.label for row in prepared.evaluation]
    with (
        tempfile.TemporaryDirectory(prefix="barometer-") as folder,
        _checkpoints(request, prepared) as kept,
    ):
        step("training")
        plan = Plan(options=request.options, checkpoints=kept, cache=request.checkpoints, progress=progress)
        meter = cost.meter()
        fitted = _fit(request, prepared, Path(folder), plan)
        spent = meter()
        tracking.log_learning(fitted.curve, spent)
        step("evaluating")
        evaluation = evaluate(
            fitted.labels, truth, fitted.probabilities(texts), slices_of(prepared.evaluation)
        )
        step("registering")
        version = _register(request, registry, prepared, fitted, evaluation, Path(folder))
    return version, evaluation, spent


def assist(request: Request) -> None:
    """Take one process's part in a training by several, of which the first calls ``train``.

    Raises:
        BadRequest: the family trains in one process only.
    """
    if request.family not in SHARED:
        raise BadRequest(f"{request.family} trains in one process: start it without torchrun")
    prepared = _prepare(request, lambda _: None)
    texts, labels = [row.text for row in prepared.training], [row.label for row in prepared.training]
    kept = request.checkpoints and checkpoints.joined(request.checkpoints, _name(request, prepared))
    with tempfile.TemporaryDirectory(prefix="barometer-") as folder:
        plan = Plan(options=request.options, checkpoints=kept)
        SHARED[request.family](texts, labels, seed=request.seed, folder=Path(folder), plan=plan)


def _prepare(request: Request, step: Step) -> Prepared:
    if request.family not in FAMILIES:
        raise BadRequest(f"there is no family '{request.family}'; there are: {', '.join(FAMILIES)}")
    step("reading")
    prepared = prepare(
        request.data, request.evaluation, request.columns, told=request.told, lessons=request.lessons
    )
    if request.options.get("teacher"):
        refuse_seen(request.options["teacher"], prepared)
    return prepared


@contextmanager
def _checkpoints(request: Request, prepared: Prepared) -> Iterator[Path | None]:
    """Yield the folder for checkpoints. It goes once the version is registered, not before."""
    if request.checkpoints is None:
        yield None
        return
    with checkpoints.kept(request.checkpoints, _name(request, prepared)) as folder:
        yield folder


def _name(request: Request, prepared: Prepared) -> str:
    facts = {"rows": digest(prepared.training), "family": request.family, "options": dict(request.options)}
    return checkpoints.key({**facts, "seed": request.seed, "versions": provenance.versions()})


def _fit(request: Request, prepared: Prepared, folder: Path, plan: Plan) -> Fitted:
    labels = [row.label for row in prepared.training]
    return FAMILIES[request.family](
        Texts(prepared.training), labels, seed=request.seed, folder=folder, plan=plan
    )


def _register(
    request: Request,
    registry: Registry,
    prepared: Prepared,
    fitted: Fitted,
    evaluation: Evaluation,
    folder: Path,
) -> str:
    """Log run and model, then register; return the version."""
    facts = _facts(request, prepared, fitted)
    tracking.log_facts(
        {**fitted.parameters, **_parameters(request, prepared)},
        facts,
        _inputs(prepared),
    )
    tracking.log_profile(profile(prepared.source.file.rows))
    tracking.log_evaluation(evaluation, folder)
    uri = tracking.log_model(fitted, facts, folder)
    return registry.register(uri, {**facts, METRICS_TAG: json.dumps(tracking.metrics(evaluation))})


def _parameters(request: Request, prepared: Prepared) -> dict[str, object]:
    left_out = prepared.source.cleaned
    return {
        "family": request.family,
        "seed": request.seed,
        "data": request.data.name,
        "rows.training": len(prepared.training),
        "rows.evaluation": len(prepared.evaluation),
        "rows.repeated": left_out.repeated,
        "rows.contradictory": left_out.contradictory,
        "rows.leaked": prepared.leaked,
        "rows.spared": prepared.spared,
        **{f"feedback.{name}": count for name, count in prepared.feedback(request.gone).items()},
    }


def _facts(request: Request, prepared: Prepared, fitted: Fitted) -> dict[str, str]:
    """Return what a version tells about itself, as tags."""
    facts = {
        "family": request.family,
        "seed": str(request.seed),
        "lessons": str(request.lessons).lower(),
        "options": json.dumps(dict(request.options), sort_keys=True, default=str),
        "data.file_sha256": prepared.source.file.sha256,
        "versions": json.dumps(provenance.versions()),
    }
    facts |= {f"code.{name}": value for name, value in provenance.code().items()}
    named = {f"barometer.{name}": value for name, value in facts.items()}
    labels = json.dumps(fitted.labels, ensure_ascii=False)
    return {**named, LABELS_TAG: labels, DATA_TAG: prepared.rows_sha256}


def _inputs(prepared: Prepared) -> dict[str, tracking.Data]:
    """Return what went into the run, with digests: of feedback too, whose rows are kept nowhere else."""
    inputs = {"training": _data(prepared.source)}
    if prepared.measured is not None:
        inputs["evaluation"] = _data(prepared.measured)
    if prepared.told is not None:
        told = prepared.told
        inputs["feedback"] = tracking.Data(told.name, told.sha256, digest(prepared.joined.rows))
    return inputs


def _data(source: Source) -> tracking.Data:
    return tracking.Data(source.file.name, source.file.sha256, source.rows_sha256)
