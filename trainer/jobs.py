"""What runs on the training queue. RQ calls each by name with a dict, in a process of its own.

That makes this a process's entry, as ``__main__`` is, whoever the worker is: it reads the settings itself.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contract.registry import CHAMPION, DEFAULT_MODEL
from trainer import environment, manners, telling
from trainer.errors import BadRequest
from trainer.settings import Settings

#: What the queue calls, by name.
TRAIN = "trainer.jobs.train"

_log = logging.getLogger(__name__)


class Arguments(BaseModel):
    """What a job may say; the same as the options of ``python -m trainer train``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: Path
    evaluation: Path | None = None
    family: str = "tfidf"
    options: dict[str, str | int | float] = Field(default_factory=dict)
    text_column: str = "text"
    label_column: str = "label"
    model: str = DEFAULT_MODEL
    seed: int = 0
    promote: bool = True
    lessons: bool = False


def train(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Train as told and return what came of it, as JSON values.

    Raises:
        BadRequest: the arguments are not those of ``Arguments``.
        TrainerError: as for ``training.train``.
    """
    try:
        wanted = Arguments.model_validate(arguments)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, part['loc']))}: {part['msg']}" for part in error.errors())
        raise BadRequest(f"the job's arguments are wrong: {wrong}") from error
    settings = Settings()
    environment.prepare(settings.mlflow_tracking_uri)
    manners.stand_back(settings.nice, settings.threads)
    # After the environment is set: these import MLflow.
    from trainer.data.files import Columns
    from trainer.judging import limits_of
    from trainer.registry import Registry
    from trainer.training import Request
    from trainer.training import train as run_training

    request = Request(
        columns=Columns(wanted.text_column, wanted.label_column),
        checkpoints=settings.checkpoints,
        **wanted.model_dump(exclude={"text_column", "label_column"}),
    )
    with telling.told(settings) as exit:
        story = telling.Telling(exit, request)
        with story.operation():
            outcome = run_training(
                request,
                Registry(wanted.model),
                limits_of(settings),
                lambda step: _log.info("training.step", extra={"step": step}),
            )
        story.finished(outcome)
    return {
        "model": outcome.model,
        "version": outcome.version,
        "gate": outcome.verdict.word,
        "reasons": list(outcome.verdict.reasons),
        "promoted": outcome.promoted,
        "macro_f1": outcome.evaluation.macro_f1,
        "rows": outcome.evaluation.rows,
    }


class Return(BaseModel):
    """Which version is to be taken back, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    version: str
    why: str
    by: str = "monitoring"


def roll_back(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Take a version back if it is the champion; return the versions left and entered, None if it is not.

    It may have been replaced since somebody found it worse, so another champion is left alone.

    Raises:
        BadRequest: the arguments are not those of ``Return``, or there is no previous version.
        TrainerError: MLflow does not answer.
    """
    try:
        wanted = Return.model_validate(arguments)
    except ValidationError as error:
        raise BadRequest("a rollback takes model, version, why and perhaps by") from error
    environment.prepare(Settings().mlflow_tracking_uri)
    from trainer.registry import Registry

    registry = Registry(wanted.model)
    if registry.aliases().get(CHAMPION) != wanted.version:
        return {"model": wanted.model, "left": None, "entered": None}
    left, entered = registry.rollback(by=wanted.by, why=wanted.why)
    return {"model": wanted.model, "left": left, "entered": entered}


class Promotion(BaseModel):
    """Which version shall serve, and who says so."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    version: str
    by: str


def promote(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Let a version serve, if the gate has passed it; return the versions left and entered.

    Both are None where it serves already. What the gate has not passed is no failure of the job: the answer
    says ``refused``, and why.

    Raises:
        BadRequest: the arguments are not those of ``Promotion``.
        TrainerError: MLflow does not answer.
    """
    try:
        wanted = Promotion.model_validate(arguments)
    except ValidationError as error:
        raise BadRequest("a promotion takes model, version and by") from error
    settings = Settings()
    environment.prepare(settings.mlflow_tracking_uri)
    from trainer.registry import Registry

    registry = Registry(wanted.model)
    before = registry.aliases().get(CHAMPION)
    if before == wanted.version:
        return {"model": wanted.model, "left": None, "entered": None}
    try:
        candidate = registry.version(wanted.version)
    except BadRequest as error:
        return {"model": wanted.model, "refused": str(error)}
    if candidate.gate != "passed":
        said = "; ".join(candidate.gate_reasons) or "it has not been judged"
        return {"model": wanted.model, "refused": f"the gate has not passed version {wanted.version}: {said}"}
    with telling.told(settings):
        registry.promote(wanted.version, by=wanted.by, why="the gate had passed it")
    return {"model": wanted.model, "left": before, "entered": wanted.version}
