"""A model that does nothing, as MLflow loads it: what is left is the queue."""

from typing import Any

from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

ANSWER = {"label": "none", "score": 1.0, "scores": {"none": 1.0}}


class Noop(PythonModel):  # type: ignore[misc]
    """Answers every text alike."""

    def predict(
        self,
        context: Any,  # noqa: ARG002
        model_input: list[str],
        params: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> list[dict[str, Any]]:
        return [ANSWER] * len(model_input)


set_model(Noop())
