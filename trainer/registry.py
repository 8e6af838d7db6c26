"""The MLflow registry: versions, their tags, and the aliases that say which one serves.

The only file that registers, tags or moves an alias. Every move leaves a trail on the registered model, a tag
``barometer.alias.<time>`` holding JSON ``{alias, from, to, by, why, at}``.
"""

import io
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import mlflow
import numpy as np
import requests
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from contract.registry import CHALLENGER, CHAMPION, GATE_REASONS_TAG, GATE_TAG, PREVIOUS
from trainer.errors import BadRequest, ModelUnusable, RegistryUnavailable
from trainer.evaluation import Evaluation
from trainer.families.family import Probabilities
from trainer.gate import Answers, Verdict

TRAIL_PREFIX = "barometer.alias."
#: Tags of a version: JSON objects of what the gate measured, when it judged.
BEHAVIOUR_TAG = "barometer.gate.behaviour"
SLICES_TAG = "barometer.gate.slices"
SERVING_TAG = "barometer.gate.serving"

_log = logging.getLogger(__name__)


@contextmanager
def reachable() -> Iterator[None]:
    """Turn MLflow's own errors into one of ours."""
    try:
        yield
    except (MlflowException, requests.RequestException) as error:
        _log.debug("mlflow.failed", exc_info=True)
        if isinstance(error, requests.RequestException) or isinstance(
            error.__context__, requests.RequestException
        ):
            raise RegistryUnavailable(
                f"MLflow does not answer at {mlflow.get_tracking_uri()}: start it, or set MLFLOW_TRACKING_URI"
            ) from error
        first_line = str(error).partition("\n")[0]
        raise RegistryUnavailable(
            f"MLflow at {mlflow.get_tracking_uri()} could not do that: {first_line}"
        ) from error


@dataclass(frozen=True, slots=True)
class Version:
    """A registered version: what the gate said of it, and all its tags."""

    number: str
    gate: str
    gate_reasons: tuple[str, ...]
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model in memory; ``name`` is for those who read why it does not answer."""

    name: str
    labels: tuple[str, ...]
    _model: mlflow.pyfunc.PyFuncModel

    def probabilities(self, texts: Sequence[str]) -> Probabilities:
        """Return one row a text, one column a label.

        Raises:
            ModelUnusable: the model raises, or answers something else.
        """
        return _matrix(_answers(self._model, texts, self.name), self.labels, self.name)


class Registry:
    """One registered model."""

    def __init__(self, model: str) -> None:
        self.model = model
        self._client = MlflowClient()

    def aliases(self) -> dict[str, str]:
        """Return the version each alias points to; none where the model is not registered."""
        try:
            with reachable():
                return {
                    alias: str(number)
                    for alias, number in self._client.get_registered_model(self.model).aliases.items()
                }
        except RegistryUnavailable as error:
            if is_missing(error):
                return {}
            raise

    def resolve(self, alias: str) -> str:
        """Return the version an alias points to.

        Raises:
            BadRequest: there is no such alias.
        """
        aliases = self.aliases()
        if alias not in aliases:
            there = f"; there are: {', '.join(sorted(aliases))}" if aliases else ", nor any other alias"
            raise BadRequest(f"{self.model} has no {alias}{there}")
        return aliases[alias]

    def version(self, number: str) -> Version:
        """Return one version.

        Raises:
            BadRequest: there is no such version.
        """
        try:
            with reachable():
                tags = self._client.get_model_version(self.model, number).tags
        except RegistryUnavailable as error:
            if is_missing(error):
                raise BadRequest(f"there is no version {number} of {self.model}") from error
            raise
        reasons = tuple(tags.get(GATE_REASONS_TAG, "").splitlines())
        return Version(number, tags.get(GATE_TAG, ""), reasons, tags)

    def register(self, model_uri: str, tags: Mapping[str, str]) -> str:
        """Register a logged model and return its version."""
        # MLflow prints what it does to stderr, where nothing but our log's JSON belongs.
        with reachable(), redirect_stderr(io.StringIO()):
            return str(mlflow.register_model(model_uri, self.model, tags=dict(tags)).version)

    def store_verdict(self, number: str, verdict: Verdict) -> None:
        """Write the gate's verdict and reasons on a version."""
        with reachable():
            # The reasons first: a version that says "passed" also says why.
            self._client.set_model_version_tag(
                self.model, number, GATE_REASONS_TAG, "\n".join(verdict.reasons)
            )
            self._client.set_model_version_tag(self.model, number, GATE_TAG, verdict.word)

    def store_figures(self, number: str, evaluation: Evaluation, answers: Answers) -> None:
        """Write on a version what was measured before it was judged."""
        failing = {name: round(one.rate, 4) for name, one in answers.behaviour.items()}
        tags: dict[str, object] = {
            BEHAVIOUR_TAG: failing or {"skipped": answers.skipped},
            SLICES_TAG: {name: asdict(one) for name, one in evaluation.slices.items()},
        }
        if answers.serving is not None:
            tags[SERVING_TAG] = answers.serving.to_dict()
        with reachable():
            for name, value in tags.items():
                self._client.set_model_version_tag(
                    self.model, number, name, json.dumps(value, ensure_ascii=False)
                )

    def describe(self, number: str, words: str) -> None:
        """Write what a version is, in Markdown, where MLflow shows it."""
        with reachable():
            self._client.update_model_version(self.model, number, description=words)

    def load(self, number: str, folder: Path | None = None) -> Loaded:
        """Load a version; ``folder``, an empty one, keeps its files.

        Raises:
            ModelUnusable: it cannot be loaded, or does not answer as our models do.
        """
        return loaded(f"models:/{self.model}/{number}", f"version {number}", folder)

    def promote(self, number: str, *, by: str, why: str) -> None:
        """Make a version the champion, and the champion the previous one."""
        champion = self.aliases().get(CHAMPION)
        if champion == number:
            return
        if champion is not None:
            # Before the champion moves: a crash in between leaves a rollback that changes nothing, never a
            # champion whose predecessor is forgotten.
            self._move(PREVIOUS, champion, by=by, why=why)
        self._move(CHAMPION, number, by=by, why=why)
        self.withdraw(number, by=by, why=why)

    def challenge(self, number: str, *, by: str, why: str) -> None:
        """Make a version the challenger: it has passed the gate and waits to serve."""
        self._move(CHALLENGER, number, by=by, why=why)

    def withdraw(self, number: str, *, by: str, why: str) -> None:
        """Let a version be the challenger no more, if it is."""
        if self.aliases().get(CHALLENGER) == number:
            self._remove(CHALLENGER, by=by, why=why)

    def rollback(self, *, by: str, why: str) -> tuple[str, str]:
        """Exchange champion and previous; return the versions left and entered.

        Raises:
            BadRequest: there is nothing to go back to.
        """
        aliases = self.aliases()
        champion, previous = aliases.get(CHAMPION), aliases.get(PREVIOUS)
        if champion is None or previous is None or champion == previous:
            raise BadRequest(f"{self.model} has no previous version to go back to")
        # The champion first: whatever happens next, the version in trouble no longer serves.
        self._move(CHAMPION, previous, by=by, why=why)
        self._move(PREVIOUS, champion, by=by, why=why)
        return champion, previous

    def trail(self) -> list[dict[str, str | None]]:
        """Return all alias moves, oldest first."""
        with reachable():
            tags = self._client.get_registered_model(self.model).tags
        return [json.loads(tags[key]) for key in sorted(tags) if key.startswith(TRAIL_PREFIX)]

    def _move(self, alias: str, number: str, *, by: str, why: str) -> None:
        entry = self._tell(alias, number, by=by, why=why)
        with reachable():
            self._client.set_registered_model_alias(self.model, alias, number)
        _log.info("alias.moved", extra=entry)

    def _remove(self, alias: str, *, by: str, why: str) -> None:
        entry = self._tell(alias, None, by=by, why=why)
        with reachable():
            self._client.delete_registered_model_alias(self.model, alias)
        _log.info("alias.removed", extra=entry)

    def _tell(self, alias: str, number: str | None, *, by: str, why: str) -> dict[str, str | None]:
        """Leave a trail, before the move: it may tell of one that a crash prevented, but none goes untold."""
        now = datetime.now(UTC)
        entry = {"alias": alias, "from": self.aliases().get(alias), "to": number, "by": by, "why": why}
        key = f"{TRAIL_PREFIX}{now:%Y%m%dT%H%M%S.%fZ}"
        with reachable():
            self._client.set_registered_model_tag(
                self.model, key, json.dumps({**entry, "at": now.isoformat()})
            )
        return {"model": self.model, **entry}


def loaded(uri: str, name: str, folder: Path | None = None) -> Loaded:
    """Load a model from where MLflow finds it; ``folder``, an empty one, keeps its files.

    Raises:
        ModelUnusable: as for ``Registry.load``.
    """
    try:
        model = mlflow.pyfunc.load_model(uri, dst_path=None if folder is None else str(folder))
    except Exception as error:
        _log.warning("model.load_failed", extra={"uri": uri}, exc_info=True)
        raise ModelUnusable(f"{name} cannot be loaded ({type(error).__name__})") from error
    probe = _answers(model, [""], name)
    return Loaded(name, tuple(sorted(probe[0])), model)


def is_missing(error: RegistryUnavailable) -> bool:
    """Tell whether MLflow answered that there is no such thing."""
    return (
        isinstance(error.__cause__, MlflowException)
        and error.__cause__.error_code == "RESOURCE_DOES_NOT_EXIST"
    )


def _answers(model: mlflow.pyfunc.PyFuncModel, texts: Sequence[str], name: str) -> list[dict[str, float]]:
    """Return the scores of each text as the model gives them."""
    try:
        return [dict(answer["scores"]) for answer in model.predict(list(texts))]
    except Exception as error:
        _log.warning("model.answer_failed", extra={"model": name}, exc_info=True)
        raise ModelUnusable(f"{name} does not answer texts with scores ({type(error).__name__})") from error


def _matrix(answers: Sequence[Mapping[str, float]], labels: Sequence[str], name: str) -> Probabilities:
    try:
        return np.array([[answer[label] for label in labels] for answer in answers], dtype=np.float64)
    except KeyError as error:
        raise ModelUnusable(f"{name} answers with varying labels") from error
