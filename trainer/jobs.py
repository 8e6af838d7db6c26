"""What runs on the training queue. RQ calls each by name with a dict, in a process of its own.

That makes this a process's entry, as ``__main__`` is, whoever the worker is: it reads the settings itself.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contract.registry import CHAMPION, DEFAULT_MODEL
from trainer import environment, manners, telling, unfinished
from trainer.canceling import cancelable
from trainer.errors import BadRequest
from trainer.progress import Told
from trainer.settings import Settings

if TYPE_CHECKING:
    from trainer.data.files import File

#: What the queue calls, by name.
TRAIN = "trainer.jobs.train"


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
    from trainer.judging import limits_of
    from trainer.registry import Registry
    from trainer.training import Request
    from trainer.training import train as run_training

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
                limits_of(settings),
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
        raise BadRequest("a rollback takes model, version and why") from error
    environment.prepare(Settings().mlflow_tracking_uri)
    from trainer.registry import Registry

    registry = Registry(wanted.model)
    if registry.aliases().get(CHAMPION) != wanted.version:
        return {"model": wanted.model, "left": None, "entered": None}
    left, entered = registry.rollback(by="monitoring", why=wanted.why)
    return {"model": wanted.model, "left": left, "entered": entered}
