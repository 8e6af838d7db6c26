"""What the registered model itself says: MLflow alone loads it, none of our services is asked.

A program of its own, so that MLflow's global state and warnings stay out of the tests' process:
``MLFLOW_TRACKING_URI=... python -m tests.end_to_end.direct models:/sentiment@champion < texts.json``
"""

import json
import subprocess
import sys
from typing import Any

from tests.end_to_end.barometer import REPOSITORY, environment


def ask(tracking_uri: str, model_uri: str, texts: list[str]) -> list[dict[str, Any]]:
    """Return ``label``, ``score`` and ``scores`` for each text."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.end_to_end.direct", model_uri],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=False,
        cwd=REPOSITORY,
        env=environment(MLFLOW_TRACKING_URI=tracking_uri, MLFLOW_DISABLE_TELEMETRY="true"),
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    import mlflow

    model = mlflow.pyfunc.load_model(sys.argv[1])
    print(json.dumps(model.predict(json.load(sys.stdin))))


if __name__ == "__main__":
    main()
