"""From a version's files to a model in memory. Knows the layout of MLflow's models; never asks a server."""

import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # PyYAML carries no types

from worker import model_file
from worker.model import RegisteredModel

log = logging.getLogger(__name__)

#: How MLflow says that a file of code makes the model.
_LOADERS = ("mlflow.pyfunc.loaders.code_model", "mlflow.pyfunc.model")

_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Files:
    """What ``MLmodel`` says about a version: the part for Python, and where its artefacts lie."""

    folder: Path
    python: Mapping[str, Any]

    @property
    def artifacts(self) -> dict[str, str]:
        """The path of each artefact by its name."""
        stored = self.python.get("artifacts") or {}
        return {name: str(self.folder / one["path"]) for name, one in stored.items()}

    @property
    def config(self) -> dict[str, Any]:
        """The settings the model was registered with."""
        return dict(self.python.get("config") or {})

    @property
    def code(self) -> Path | None:
        """The one file that makes the model; None for a model stored in another way."""
        told = self.python.get("model_code_path")
        if told is None or self.python.get("loader_module") not in _LOADERS or self.python.get("code"):
            return None
        return self.folder / Path(told).name


def read(folder: Path) -> Files:
    """Read ``MLmodel``.

    Raises:
        OSError, ValueError, KeyError, TypeError: it is not there, or not what MLflow writes.
    """
    stored = yaml.safe_load((folder / "MLmodel").read_text("utf-8"))
    return Files(folder, stored["flavors"]["python_function"])


def load(files: Files, version: str, config: Mapping[str, Any]) -> RegisteredModel:
    """Load a version.

    Args:
        files: what was fetched.
        version: its number in the registry.
        config: of this host (``device``, ``threads``); it goes before what was registered.

    Raises:
        Exception: whatever the model's own code raises.
    """
    if files.code is not None:
        try:
            return _directly(files, files.code, version, config)
        except model_file.NeedsMlflow as error:
            log.info("model.needs_mlflow", extra={"version": version, "needs": str(error)})
    return _through_mlflow(files, version, config)


def forget(folder: Path) -> None:
    """Forget all modules below ``folder``, so that the next version's file or module of a name is its own.

    What is loaded lives on with its model. Without this each swap would leave a version's code in memory.
    """
    for name, module in list(sys.modules.items()):
        if _is_below(getattr(module, "__file__", None), folder):
            del sys.modules[name]
    sys.path[:] = [entry for entry in sys.path if not _is_below(entry, folder)]


def _directly(files: Files, code: Path, version: str, config: Mapping[str, Any]) -> RegisteredModel:
    model = model_file.run(code, f"barometer_model_{version}_{next(_numbers)}")
    context = model_file.Context(files.artifacts, {**files.config, **config})
    model.load_context(context)
    return RegisteredModel(version, model, context)


def _through_mlflow(files: Files, version: str, config: Mapping[str, Any]) -> RegisteredModel:
    import mlflow.pyfunc

    # MLflow warns of each key that the model was not registered with.
    accepted = {key: value for key, value in config.items() if key in files.config}
    loaded = mlflow.pyfunc.load_model(str(files.folder), model_config=accepted or None)
    # Past MLflow's schema check: the worker hands over a list of strings and nothing else.
    return RegisteredModel(version, loaded.unwrap_python_model())


def _is_below(path: object, folder: Path) -> bool:
    return isinstance(path, str) and Path(path).is_relative_to(folder)
