"""A model made for a benchmark, registered as the trainer registers a trained one."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def register(fitted: Any, settings: Mapping[str, Any], name: str, uri: str) -> str:
    """Register a ``Fitted`` on this MLflow server, make it champion, and return its version.

    ``settings`` are those a worker may set when it loads the model: MLflow lets pass no others.
    """
    from trainer import environment

    # MLflow reads it at its import.
    environment.prepare(uri)
    import mlflow

    from trainer import tracking
    from trainer.registry import Registry

    mlflow.set_tracking_uri(uri)
    registry = Registry(name)
    with tempfile.TemporaryDirectory(prefix="barometer-") as folder, tracking.run(f"{name}-random"):
        canary = Path(folder) / "canary.json"
        canary.write_text(json.dumps(tracking.canary_answers(fitted)), "utf-8")
        logged = mlflow.pyfunc.log_model(
            name="model",
            python_model=str(fitted.code),
            artifacts={key: str(path) for key, path in {**fitted.artifacts, "canary": canary}.items()},
            pip_requirements=list(fitted.requirements),
            model_config=dict(settings),
        )
    version = registry.register(logged.model_uri, {})
    registry.promote(version, by="benchmark", why="made to be measured")
    return version
