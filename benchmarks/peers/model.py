"""The model that every peer calls: an MLflow model folder, loaded once a process.

It is called as Barometer's worker calls it, past MLflow's schema check. The one place that knows where it
lies: ``PEER_MODEL``.
"""

import os
from functools import cache
from typing import Any


@cache
def load() -> Any:
    """Load the model; a peer that forks calls this before it does."""
    os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}
    import mlflow

    return mlflow.pyfunc.load_model(os.environ["PEER_MODEL"]).unwrap_python_model()


def answers(texts: list[str]) -> list[dict[str, Any]]:
    """Answer texts together."""
    found: list[dict[str, Any]] = load().predict(None, texts)
    return found


def answer(text: str) -> dict[str, Any]:
    """Answer one text."""
    return answers([text])[0]
