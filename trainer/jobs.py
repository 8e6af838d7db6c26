"""What runs on the training queue. RQ calls each by name with a dict, in a process of its own.

That makes this a process's entry, as ``__main__`` is, whoever the worker is: it reads the settings itself.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contract.registry import CHAMPION, DEFAULT_MODEL
from trainer import environment, manners, telling, unfinished
from trainer.canceling import cancelable
from trainer.errors import BadRequest, PromotionRefused
from trainer.progress import Told
from trainer.settings import Settings

if TYPE_CHECKING:
    from trainer.data.files import File

#: What the queue calls, by name.
TRAIN = "trainer.jobs.train"
CONCLUDE = "trainer.jobs.conclude"

_log = logging.getLogger(__name__)

Shape = TypeVar("Shape", bound=BaseModel)


class Arguments(BaseModel):
    """What a job may say: the options of ``python -m trainer train``, and what monitoring hands over.

    ``handed`` rows of feedback wait in Redis; of another ``gone``, the text was not known any more.
    """

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
    feedback: Path | None = None
    handed: int = Field(default=0, ge=0)
    gone: int = Field(default=0, ge=0)


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
    from trainer.promoting import train as run_training
    from trainer.registry import Registry
    from trainer.training import Request

    unfinished.tidy(settings.checkpoints)
    with cancelable() as canceling, _feedback(wanted, settings) as told, telling.told(settings) as exit:
        shown = Told(canceling)
        request = Request(
            columns=Columns(wanted.text_column, wanted.label_column),
            checkpoints=settings.checkpoints,
            told=told,
            **wanted.model_dump(exclude={"text_column", "label_column", "feedback", "handed"}),
        )
        story = telling.Telling(exit, request)
        with story.operation():
            outcome = run_training(
                request,
                Registry(wanted.model),
                settings,
                shown.step,
                shown.learning,
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
        "feedback": len(outcome.prepared.joined.rows),
    }


@contextmanager
def _feedback(wanted: Arguments, settings: Settings) -> "Iterator[File | None]":
    """Yield what people said of predictions: from a file, or as it was handed over; None where neither is."""
    from trainer.data.files import Columns, read
    from trainer.data.handed import handed

    if wanted.feedback is not None:
        yield read(wanted.feedback, Columns())
    elif wanted.handed:
        with handed(settings.redis_url, wanted.model) as told:
            yield told
    else:
        yield None


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
    wanted = _read(Return, arguments, "a rollback takes model, version, why and perhaps by")
    environment.prepare(Settings().mlflow_tracking_uri)
    from trainer.registry import Registry

    registry = Registry(wanted.model)
    if registry.aliases().get(CHAMPION) != wanted.version:
        return {"model": wanted.model, "left": None, "entered": None}
    left, entered = registry.rollback(by=wanted.by, why=wanted.why)
    return {"model": wanted.model, "left": left, "entered": entered}


class Shadowed(BaseModel):
    """A version in the shadow of a champion, and until when it has to have been compared."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    version: str
    champion: str
    until: datetime


def conclude(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Look how a version does in the shadow: let it serve, refuse it, or look again later.

    Raises:
        BadRequest: the arguments are not those of ``Shadowed``.
        TrainerError: MLflow or Redis does not answer.
    """
    wanted = _read(Shadowed, arguments, "a look at a shadow takes model, version, champion and until")
    settings = Settings()
    environment.prepare(settings.mlflow_tracking_uri)
    from trainer.promoting import conclude as look
    from trainer.registry import Registry
    from trainer.work import Trial

    trial = Trial(wanted.model, wanted.version, wanted.champion, wanted.until)
    with telling.told(settings):
        judgement = look(Registry(wanted.model), trial, settings)
    if judgement is None:
        return {"model": wanted.model, "version": wanted.version, "stage": "withdrawn", "reasons": []}
    _log.info("shadow.judged", extra={"version": wanted.version, "stage": judgement.stage})
    return {
        "model": wanted.model,
        "version": wanted.version,
        "stage": judgement.stage.value,
        "reasons": list(judgement.reasons),
    }


class Promotion(BaseModel):
    """Which version shall serve, who says so, and why it need not have been tried in the shadow."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    version: str
    by: str
    without_shadow: str = ""


def promote(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Let a version serve, if it may: see ``promoting.promote``. Return the versions left and entered.

    Both are None where it serves already. What may not serve is no failure of the job: the answer says
    ``refused``, and why.

    Raises:
        BadRequest: the arguments are not those of ``Promotion``.
        TrainerError: MLflow does not answer.
    """
    wanted = _read(Promotion, arguments, "a promotion takes model, version, by and perhaps without_shadow")
    settings = Settings()
    environment.prepare(settings.mlflow_tracking_uri)
    from trainer import promoting
    from trainer.registry import Registry

    registry = Registry(wanted.model)
    before = registry.aliases().get(CHAMPION)
    if before == wanted.version:
        return {"model": wanted.model, "left": None, "entered": None}
    try:
        with telling.told(settings):
            promoting.promote(
                registry, wanted.version, settings, by=wanted.by, why="", without_shadow=wanted.without_shadow
            )
    except (BadRequest, PromotionRefused) as error:
        return {"model": wanted.model, "refused": str(error)}
    return {"model": wanted.model, "left": before, "entered": wanted.version}


def _read(shape: type[Shape], arguments: Mapping[str, Any], takes: str) -> Shape:
    """Return the arguments in their shape.

    Raises:
        BadRequest: they are of another; ``takes`` says what theirs is.
    """
    try:
        return shape.model_validate(arguments)
    except ValidationError as error:
        raise BadRequest(takes) from error
