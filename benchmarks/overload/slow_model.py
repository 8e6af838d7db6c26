"""A model that takes its time, as a large one does: the worker is the limit, not HTTP.

MLflow loads this file as the model. Run as a program it registers itself: ``python -m
benchmarks.overload.slow_model NAME``.
"""

import sys
import time
from typing import Any

import mlflow

#: About a base-size transformer on two cores.
SECONDS_A_TEXT = 0.005
ANSWER = {"label": "positive", "score": 0.75, "scores": {"positive": 0.75, "negative": 0.25}}


class Slow(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Sleeps, and answers every text alike."""

    def predict(
        self,
        context: Any,  # noqa: ARG002
        model_input: list[str],
        params: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> list[dict[str, Any]]:
        time.sleep(SECONDS_A_TEXT * len(model_input))
        return [ANSWER] * len(model_input)


if __name__ == "__main__":
    mlflow.pyfunc.log_model(name="model", python_model=__file__, registered_model_name=sys.argv[1])
else:
    mlflow.models.set_model(Slow())
