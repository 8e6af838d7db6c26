"""Runs a models-from-code file without MLflow.

Such a file takes two names from MLflow: the class it derives from and the function it hands its model to.
Importing MLflow for them costs 1.3 s and 110 MB, so while the file runs, small modules stand in for it. A
file that wants any more of MLflow is loaded by MLflow itself (``NeedsMlflow``).
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any


class NeedsMlflow(Exception):
    """The file uses more of MLflow than stands in for it here."""


class PythonModel:
    """What a model file derives from: ``mlflow.pyfunc.PythonModel`` less its schema checks."""

    def load_context(self, context: "Context") -> None:
        """Read the artefacts."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a model is told when it is loaded, as ``mlflow.pyfunc.PythonModelContext``."""

    artifacts: Mapping[str, str]
    model_config: Mapping[str, Any]


class _StandIn(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise NeedsMlflow(f"{self.__name__}.{name}")


def run(code: Path, module_name: str) -> Any:
    """Run the file and return the model that it sets.

    The file's module stays in ``sys.modules``, where its classes look for it.

    Raises:
        NeedsMlflow: it wants more of MLflow.
        Exception: whatever the file raises; ValueError where it sets no model.
    """
    given: list[Any] = []
    module = ModuleType(module_name)
    module.__file__ = str(code)
    source = compile(code.read_bytes(), str(code), "exec", dont_inherit=True)
    sys.modules[module_name] = module
    with _standing_in(given):
        exec(source, module.__dict__)  # noqa: S102 - running it is what MLflow does, too
    if not given:
        raise ValueError("the model file never calls mlflow.models.set_model")
    if not isinstance(given[-1], PythonModel):
        raise NeedsMlflow("a model that is not a PythonModel")
    return given[-1]


@contextmanager
def _standing_in(given: list[Any]) -> Iterator[None]:
    """Let ``import mlflow`` find the stand-ins, in this process, for as long as the file runs."""
    mlflow, models, pyfunc = (_StandIn(name) for name in ("mlflow", "mlflow.models", "mlflow.pyfunc"))
    models.set_model = given.append  # type: ignore[attr-defined]
    pyfunc.PythonModel = PythonModel  # type: ignore[attr-defined]
    mlflow.models, mlflow.pyfunc = models, pyfunc  # type: ignore[attr-defined]
    real = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "mlflow"}
    for name in real:
        del sys.modules[name]
    sys.modules |= {module.__name__: module for module in (mlflow, models, pyfunc)}
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("mlflow."):
            raise NeedsMlflow(str(error.name)) from error
        raise
    finally:
        for module in (mlflow, models, pyfunc):
            del sys.modules[module.__name__]
        sys.modules |= real
