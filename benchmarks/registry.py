"""An MLflow of our own with the models that are measured, and each of them as a folder for the peers.

``python -m benchmarks.registry`` is a process of its own, because importing MLflow takes seconds.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from benchmarks.processes import free_port, running, tail
from contract.registry import CHAMPION, DEFAULT_MODEL, model_uri

PATIENCE_S = 120
#: Texts that the model is asked at once.
BATCH = 32
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
#: Registered name of each model that can be measured, and the module (with arguments) that registers it.
MODELS: Mapping[str, tuple[str, tuple[str, ...]]] = MappingProxyType(
    {
        "noop": ("noop", ("benchmarks.registry", "noop")),
        "lr": (DEFAULT_MODEL, ("trainer", "starter")),
        "bilstm": ("bilstm", ("benchmarks.bilstm", "--rounds", "0")),
        "bert": ("bert", ("benchmarks.bert", "--rounds", "0")),
    }
)

TOLERANCE: Mapping[str, float] = MappingProxyType({"bert": 0.05})


@dataclass(frozen=True, slots=True)
class Model:
    """A registered champion. ``folder`` holds the same model, as MLflow loads it from there.

    ``tolerance`` is the share of labels that may come out otherwise: a network's scores depend a little on
    what else is in the batch, and one with random weights is often undecided.
    """

    short_name: str
    name: str
    mlflow: str
    folder: Path
    tolerance: float = 0.0

    def labels(self, texts: Sequence[str]) -> list[str]:
        """Ask the model itself, in a process of its own; one label a text."""
        said = _run(
            self.mlflow, "benchmarks.registry", "labels", str(self.folder), given=json.dumps(list(texts))
        )
        labels: list[str] = json.loads(said.splitlines()[-1])
        return labels


@contextmanager
def started(*short_names: str) -> Iterator[list[Model]]:
    """Run an MLflow server on a temporary folder, with these models registered, and give them."""
    with tempfile.TemporaryDirectory(prefix="barometer-") as place:
        folder, port = Path(place), free_port()
        address = f"http://127.0.0.1:{port}"
        command = [
            sys.executable, "-m", "mlflow", "server", "--serve-artifacts", "--host=127.0.0.1",
            f"--port={port}", "--workers=1", f"--backend-store-uri=sqlite:///{folder / 'mlflow.db'}",
            f"--artifacts-destination={folder / 'artifacts'}", "--uvicorn-opts=--no-access-log",
        ]  # fmt: skip
        log = folder / "mlflow.log"
        with running(command, log, QUIET) as server:
            deadline = time.monotonic() + PATIENCE_S
            while not _answers(f"{address}/health"):
                if server.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"MLflow did not start:\n{tail(log)}")
                time.sleep(0.1)
            yield [_registered(short_name, address, folder / short_name) for short_name in short_names]


def _registered(short_name: str, mlflow: str, folder: Path) -> Model:
    print(f"registering the model {short_name} ...", file=sys.stderr)
    name, maker = MODELS[short_name]
    _run(mlflow, *maker)
    _run(mlflow, "benchmarks.registry", "fetch", name, str(folder))
    return Model(short_name, name, mlflow, folder, TOLERANCE.get(short_name, 0.0))


def _run(mlflow: str, *arguments: str, given: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "-m", *arguments], check=False, capture_output=True, input=given,
        text=True, env={**os.environ, **QUIET, "MLFLOW_TRACKING_URI": mlflow},
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{(done.stdout + done.stderr)[-3000:]}")
    return done.stdout


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2):
            return True
    except OSError:
        return False


def main() -> None:
    import mlflow

    match sys.argv[1:]:
        case ["noop"]:
            code = Path(__file__).with_name("noop_model.py")
            info = mlflow.pyfunc.log_model(name="model", python_model=str(code), registered_model_name="noop")
            mlflow.MlflowClient().set_registered_model_alias(
                "noop", CHAMPION, str(info.registered_model_version)
            )
        case ["fetch", name, folder]:
            mlflow.artifacts.download_artifacts(artifact_uri=model_uri(name), dst_path=folder)
        case ["labels", folder]:
            model = mlflow.pyfunc.load_model(folder).unwrap_python_model()
            texts = json.load(sys.stdin)
            parts = (texts[start : start + BATCH] for start in range(0, len(texts), BATCH))
            print(json.dumps([answer["label"] for part in parts for answer in model.predict(None, part)]))
        case _:
            raise SystemExit("python -m benchmarks.registry noop | fetch NAME FOLDER | labels FOLDER")


if __name__ == "__main__":
    main()
