"""Small models, saved and registered by MLflow itself, that answer by rule and can be told to misbehave."""

import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from tests.gateway.conftest import free_port

#: ``told`` comes from the artefact; ``bad`` in a text makes it negative with this probability.
CODE = """
import json
from pathlib import Path

from mlflow.models import set_model
from mlflow.pyfunc import PythonModel


class Rule(PythonModel):
    def load_context(self, context):
        self.config = context.model_config
        self.told = json.loads(Path(context.artifacts["told"]).read_text())
        self.ballast = bytearray(b"x") * self.told.get("ballast", 0)
        exec(self.told.get("on_load", ""))

    def predict(self, context, model_input: list[str], params=None):
        exec(self.told.get("on_predict", ""))
        answers = []
        for text in model_input:
            negative = self.told["negative"] if "bad" in text else 1 - self.told["negative"]
            scores = {"negative": negative, "positive": 1 - negative}
            label = max(scores, key=scores.get)
            answers.append({"label": label, "score": scores[label], "scores": scores})
        return answers


set_model(Rule())
"""
#: The same, made from a name of MLflow's that does not stand in for it.
CODE_THAT_NEEDS_MLFLOW = "from mlflow.exceptions import MlflowException\n" + CODE

_runs = itertools.count()


def canaries(negative: float) -> list[dict]:
    """What registration stores beside a rule."""
    return [
        {"text": "fine", "scores": {"negative": 1 - negative, "positive": negative}},
        {"text": "bad", "scores": {"negative": negative, "positive": 1 - negative}},
    ]


def save(
    folder: Path, code: str = CODE, *, helper: Path | None = None, canary: object = None, **told: object
) -> Path:
    """Save a model as MLflow does; return its folder.

    ``canary`` other than None replaces the true set, "none" leaves it out; ``helper`` is a module of its own.
    """
    arguments = _arguments(folder.with_suffix(".parts"), code, canary, {"negative": 0.9, **told})
    with _quiet():
        import mlflow.pyfunc

        mlflow.pyfunc.save_model(str(folder), **arguments, code_paths=[str(helper)] if helper else None)
    return folder


def _arguments(parts: Path, code: str, canary: object, told: dict) -> dict:
    parts.mkdir(parents=True)
    files = {"told": told, "canary": canaries(told["negative"]) if canary is None else canary}
    artifacts = {}
    for name, content in files.items():
        if content != "none":
            artifacts[name] = str(parts / f"{name}.json")
            Path(artifacts[name]).write_text(json.dumps(content))
    (parts / "rule_model.py").write_text(code)
    return {
        "python_model": str(parts / "rule_model.py"),
        "artifacts": artifacts,
        "pip_requirements": ["mlflow-skinny"],
    }


@contextmanager
def _quiet() -> Iterator[None]:
    """MLflow warns of many things while it works; they are not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class Mlflow:
    """A real MLflow server behind a door that can be shut: then it is away, at the same address."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="barometer-"))
        port = free_port()
        self.inside = f"http://127.0.0.1:{port}"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", "--host=127.0.0.1", f"--port={port}", "--workers=1",
             f"--backend-store-uri=sqlite:///{self.folder / 'mlflow.db'}", "--serve-artifacts",
             f"--artifacts-destination={self.folder / 'artifacts'}"],
            env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
                 "MLFLOW_DISABLE_TELEMETRY": "true"},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._door = ThreadingHTTPServer(("127.0.0.1", 0), _Door)
        self._door.inside, self._door.is_open, self._door.is_cut = self.inside, True, False
        threading.Thread(target=self._door.serve_forever, args=(0.05,)).start()
        self.url = f"http://127.0.0.1:{self._door.server_port}"
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            try:
                with urlopen(f"{self.inside}/health", timeout=5):
                    return
            except (URLError, OSError):
                time.sleep(0.1)
        raise AssertionError("MLflow did not start")

    def stop(self) -> None:
        self._door.shutdown()
        self._door.server_close()
        self._process.terminate()
        self._process.wait(30)
        shutil.rmtree(self.folder)

    @contextmanager
    def away(self) -> Iterator[None]:
        self._door.is_open = False
        try:
            yield
        finally:
            self._door.is_open = True

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Connections break in the middle of a file."""
        self._door.is_cut = True
        try:
            yield
        finally:
            self._door.is_cut = False

    @property
    def fetched(self) -> int:
        """How many model files were asked for."""
        return self._door.fetched

    def register(self, name: str, code: str = CODE, *, canary: object = None, **told: object) -> str:
        """Register a version and return its number."""
        parts = self.folder / f"parts-{next(_runs)}"
        arguments = _arguments(parts, code, canary, {"negative": 0.9, **told})
        with _quiet():
            import mlflow.pyfunc

            before = mlflow.get_tracking_uri()
            mlflow.set_tracking_uri(self.inside)
            try:
                # Another test may have set an experiment that this server does not know.
                with mlflow.start_run(experiment_id="0"):
                    info = mlflow.pyfunc.log_model(name="model", registered_model_name=name, **arguments)
            finally:
                mlflow.set_tracking_uri(before)
        return str(info.registered_model_version)

    def promote(self, name: str, version: str, alias: str = "champion") -> None:
        """Point the alias at a version."""
        self._post("registered-models/alias", name=name, alias=alias, version=version)

    def _post(self, path: str, **body: str) -> None:
        headers = {"Content-Type": "application/json"}
        address = f"{self.inside}/api/2.0/mlflow/{path}"
        with urlopen(Request(address, json.dumps(body).encode(), headers), timeout=30):
            pass


class _Door(BaseHTTPRequestHandler):
    """Passes GET on, if it is open."""

    def do_GET(self) -> None:
        if not self.server.is_open:
            self.close_connection = True
            return
        if "/mlflow-artifacts/" in self.path:
            self.server.fetched = getattr(self.server, "fetched", 0) + 1
        try:
            with urlopen(self.server.inside + self.path, timeout=30) as answer:
                self._answer(answer.status, answer.headers.get("Content-Type"), answer.read())
        except HTTPError as error:
            with error:
                self._answer(error.code, error.headers.get("Content-Type"), error.read())

    def _answer(self, status: int, kind: str | None, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind or "application/octet-stream")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        is_file = "/mlflow-artifacts/artifacts/" in self.path
        self.wfile.write(body[: len(body) // 2] if self.server.is_cut and is_file else body)

    def log_message(self, *_: object) -> None:
        pass
