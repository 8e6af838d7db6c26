"""From the name of a version to a model that may serve: found on disk or fetched, loaded, tried."""

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from worker import canary, loading, threads
from worker.errors import ModelBroken, Refusal
from worker.loading import Files
from worker.model import RegisteredModel
from worker.registry import Registry, Version
from worker.shelf import Shelf

if TYPE_CHECKING:
    from worker.settings import Settings

log = logging.getLogger(__name__)

_WARM_UP = ("ready?", "One sentence of usual length, to touch every path that a real text will take.")


class Versions:
    """The versions of one registered model.

    Args:
        config: of this host, handed to the model (``device``, ``threads``).
    """

    def __init__(self, registry: Registry, shelf: Shelf, config: Mapping[str, Any]) -> None:
        self._registry = registry
        self._shelf = shelf
        self._config = config

    def champion(self) -> Version:
        """Return the version that the alias points to.

        Raises:
            AliasUnset: there is none.
            RegistryAway: MLflow does not answer.
        """
        return self._registry.champion()

    def load(self, version: Version) -> RegisteredModel:
        """Return the version, loaded and tried.

        Raises:
            ModelUnavailable: its files cannot be had now.
            ModelBroken: it must not serve.
        """
        model = self.on_trial(version)
        self._shelf.keep(version)
        return model

    def on_trial(self, version: Version) -> RegisteredModel:
        """Return the version as ``load`` does, and do not remember it as one that has served.

        Raises:
            ModelUnavailable, ModelBroken: as for ``load``.
        """
        files = self._shelf.find(version) or self._shelf.put(
            version, lambda folder: self._registry.fetch(version, folder)
        )
        return self._ready(files, version)

    def last_good(self, *, but: Version | None = None) -> tuple[Version, RegisteredModel] | None:
        """Return the newest version on disk that served well and still does, passing over ``but``."""
        for version in self._shelf.good():
            files = self._shelf.find(version) if version != but else None
            if files is None:
                continue
            try:
                model = self._ready(files, version)
            except ModelBroken:
                log.exception("model.last_good_broken", extra={"version": version.number})
                continue
            self._shelf.keep(version)
            return version, model
        return None

    def _ready(self, files: Path, version: Version) -> RegisteredModel:
        # What the version before has imported must not pass for this one's.
        loading.forget(self._shelf.folder)
        try:
            model = tried(files, version.number, self._config)
        except ModelBroken as error:
            loading.forget(self._shelf.folder)
            # What was wrong may be this copy; only a lack of memory is surely the host's.
            if error.reason is not Refusal.MEMORY:
                self._shelf.drop(version)
            raise
        return model


def versions(settings: "Settings", stop: threading.Event) -> Versions:
    """Return the versions that the settings name.

    Args:
        settings: where the registry and the cache are, and which model.
        stop: once set, a fetch under way is given up.
    """
    return Versions(
        Registry(settings.mlflow_tracking_uri, settings.model, stop),
        Shelf(settings.cache, settings.mlflow_tracking_uri, settings.model),
        {"device": settings.device, "threads": threads.count(settings.threads)},
    )


def tried(folder: Path, version: str, config: Mapping[str, Any]) -> RegisteredModel:
    """Load a version from its files, let it answer two sentences, and compare its canaries.

    Raises:
        ModelBroken: it must not serve.
    """
    with _refusing(Refusal.LOAD, f"version {version} does not load"):
        files = loading.read(folder)
        model = loading.load(files, version, config)
    with _refusing(Refusal.ANSWERS, f"version {version} cannot answer"):
        _check_answers(model)
    with _refusing(Refusal.CANARY, f"version {version} cannot answer its canaries"):
        _check_canaries(model, files)
    return model


@contextmanager
def _refusing(reason: Refusal, message: str) -> Iterator[None]:
    try:
        yield
    except ModelBroken:
        raise
    except MemoryError as error:
        raise ModelBroken(Refusal.MEMORY, f"{message}: there is not enough memory") from error
    except (Exception, SystemExit) as error:
        raise ModelBroken(reason, f"{message} ({type(error).__name__})") from error


def _check_answers(model: RegisteredModel) -> None:
    # By the same way as the batches to come.
    answers = model.classify(model.encode(_WARM_UP))
    if len(answers) != len(_WARM_UP):
        raise ModelBroken(
            Refusal.ANSWERS,
            f"version {model.version} gives {len(answers)} answers to {len(_WARM_UP)} texts",
        )
    for answer in answers:
        scores = answer.scores.values()
        # Written so that NaN is refused.
        if not (
            abs(sum(scores) - 1) <= 1e-3
            and min(scores) >= 0
            and answer.score == max(scores) == answer.scores[answer.label]
        ):
            raise ModelBroken(
                Refusal.ANSWERS, f"version {model.version} gives scores that are no probabilities"
            )


def _check_canaries(model: RegisteredModel, files: Files) -> None:
    stored = files.artifacts.get("canary")
    if stored is None:
        log.info("model.without_canary", extra={"version": model.version})
        return
    canaries = canary.read(Path(stored))
    answers = model.predict([one.text for one in canaries])
    apart = canary.difference(canaries, answers)
    if apart > model.tolerance:
        raise ModelBroken(
            Refusal.CANARY,
            f"version {model.version} answers otherwise than when it was registered: "
            f"a probability is off by {apart:.2g}, allowed is {model.tolerance:.2g}",
        )
