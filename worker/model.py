"""The model this worker holds: the registry's champion, loaded from MLflow. The only file that knows MLflow.

A version answers raw text (tokenising is inside it), so what MLflow itself would serve is what we answer.
"""

import logging
import os
import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from contract import registry
from contract.labels import Answer
from worker.errors import ModelBroken, ModelUnavailable

# The quiet of MLflow's own settings: it must fail fast when its server is away (we retry ourselves), load
# nothing by pickle, and tell nobody that it ran.
_ENVIRONMENT = {
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}

log = logging.getLogger(__name__)

#: What MLflow answers when the model or its alias is not there; anything else is trouble on the way.
_ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")

_WARM_UP = ("ready?", "One sentence of usual length, to touch every path that a real text will take.")


class RegisteredModel:
    """One version of a registered model, ready to answer."""

    def __init__(self, version: str, model: Any) -> None:
        self.version = version
        self._model = model

    def predict(self, texts: Sequence[str]) -> list[Answer]:
        """Answer each text, in order."""
        rows = self._model.predict(None, list(texts))
        return [Answer(row["label"], row["score"], row["scores"]) for row in rows]


class Registry:
    """The MLflow registry, as a worker needs it."""

    def __init__(self, tracking_uri: str, name: str) -> None:
        for variable, value in _ENVIRONMENT.items():
            os.environ.setdefault(variable, value)
        # Imported here: it takes a second and reads the environment above.
        import mlflow

        self._mlflow = mlflow
        self._name = name
        mlflow.set_tracking_uri(tracking_uri)

    def champion(self) -> str:
        """Return the version that the alias points to.

        Raises:
            ModelUnavailable: there is none, or MLflow does not answer.
        """
        try:
            found = self._mlflow.MlflowClient().get_model_version_by_alias(self._name, registry.CHAMPION)
        except self._mlflow.MlflowException as error:
            if error.error_code in _ABSENT:
                raise ModelUnavailable(f"{self._name!r} has no champion yet") from error
            raise ModelUnavailable("MLflow does not answer") from error
        return str(found.version)

    def load(self, version: str) -> RegisteredModel:
        """Load one version and answer two sentences with it.

        Raises:
            ModelUnavailable: its artefacts cannot be fetched.
            ModelBroken: it does not load, or does not answer as the contract asks.
        """
        try:
            loaded = self._mlflow.pyfunc.load_model(f"models:/{self._name}/{version}")
        except self._mlflow.MlflowException as error:
            raise ModelUnavailable(f"version {version} of {self._name!r} cannot be fetched") from error
        except Exception as error:
            raise ModelBroken(f"version {version} of {self._name!r} does not load") from error
        # Past MLflow's schema check: the worker hands over a list of strings and nothing else.
        model = RegisteredModel(version, loaded.unwrap_python_model())
        _check(model)
        return model


def _check(model: RegisteredModel) -> None:
    try:
        answers = model.predict(_WARM_UP)
    except Exception as error:
        raise ModelBroken(f"version {model.version} cannot answer") from error
    for answer in answers:
        if abs(sum(answer.scores.values()) - 1) > 1e-3 or answer.score != max(answer.scores.values()):
            raise ModelBroken(f"version {model.version} gives scores that are no probabilities")
    if len(answers) != len(_WARM_UP):
        raise ModelBroken(f"version {model.version} gives {len(answers)} answers to {len(_WARM_UP)} texts")


class Champion:
    """The version that serves, followed through alias moves by a thread of its own.

    A new version is loaded and tried beside the old one; the swap is one assignment, so the loop sees it
    between two batches. Whatever goes wrong, the old one stays.
    """

    def __init__(self, models: Registry, poll: timedelta, stop: threading.Event) -> None:
        self._models = models
        self._poll_s = poll.total_seconds()
        self._stop = stop
        self._refused: str | None = None
        self._current: RegisteredModel | None = None

    def wait(self) -> RegisteredModel | None:
        """Load the champion, however long the registry takes to have one; None when told to stop."""
        said = ""
        while not self._stop.is_set():
            try:
                self._current = self._models.load(self._models.champion())
            except (ModelUnavailable, ModelBroken) as error:
                if str(error) != said:
                    log.warning("model.waiting", extra={"reason": str(error)})
                said = str(error)
                self._stop.wait(self._poll_s)
            else:
                log.info("model.loaded", extra={"version": self._current.version})
                return self._current
        return None

    def follow(self) -> None:
        """Start watching the alias."""
        threading.Thread(target=self._watch, name="champion", daemon=True).start()

    def current(self) -> RegisteredModel:
        """Return the version that serves now."""
        assert self._current is not None, "wait() comes first"
        return self._current

    def _watch(self) -> None:
        while not self._stop.wait(self._poll_s):
            try:
                self._refresh()
            except Exception:
                # A thread that dies quietly would leave this worker on its version for ever.
                log.exception("model.watch_failed")

    def _refresh(self) -> None:
        try:
            version = self._models.champion()
            if version in (self.current().version, self._refused):
                return
            new = self._models.load(version)
        except ModelUnavailable as error:
            log.warning("model.unavailable", extra={"reason": str(error), "serving": self.current().version})
        except ModelBroken as error:
            log.exception("model.refused", extra={"reason": str(error), "serving": self.current().version})
            self._refused = version
        else:
            log.info("model.swapped", extra={"version": new.version, "previous": self.current().version})
            self._current, self._refused = new, None
