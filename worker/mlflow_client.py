"""A registry that only MLflow's own code can reach. Asking imports MLflow here; files are fetched by a child.

The child takes MLflow's imports, and the temporary folders that it forgets, away with it when it ends.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from worker import fetch
from worker.errors import AliasUnset, ModelUnavailable, RegistryAway
from worker.rest import ABSENT

#: Half a gigabyte over a slow line; what takes longer hangs.
FETCH_LIMIT_S = 15 * 60.0


class MlflowClient:
    """One registered model, by whatever address and store MLflow knows.

    Args:
        stop: once set, a fetch under way is given up.
    """

    def __init__(self, tracking_uri: str, name: str, stop: threading.Event) -> None:
        self._tracking_uri = tracking_uri
        self._name = name
        self._stop = stop

    def aliased(self, alias: str) -> Mapping[str, Any]:
        """Return the model version that an alias points to.

        Raises:
            AliasUnset: it points nowhere.
            RegistryAway: MLflow does not answer.
        """
        import mlflow

        try:
            return dict(mlflow.MlflowClient(self._tracking_uri).get_model_version_by_alias(self._name, alias))
        except mlflow.MlflowException as error:
            if error.error_code in ABSENT:
                raise AliasUnset(f"{self._name!r} has no {alias} yet") from error
            raise RegistryAway("MLflow does not answer") from error

    def fetch(self, number: str, folder: Path) -> None:
        """Copy a version's files into ``folder``.

        Raises:
            ModelUnavailable: they cannot be copied now.
        """
        with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
            child = subprocess.Popen(  # noqa: S603 - our own file, and the registry's own names
                [sys.executable, "-P", fetch.__file__, self._name, number, str(folder)],
                env={**os.environ, "MLFLOW_TRACKING_URI": self._tracking_uri},
                stdout=subprocess.DEVNULL,
                stderr=said,
                # Ctrl-C in a terminal is for the worker, which then ends the child itself.
                start_new_session=True,
            )
            with child:
                self._attend(child)
            if child.returncode != 0:
                raise ModelUnavailable(
                    f"version {number} of {self._name!r} cannot be fetched: {_last_line(said)}"
                )

    def _attend(self, child: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + FETCH_LIMIT_S
        while True:
            try:
                child.wait(0.2)
            except subprocess.TimeoutExpired:
                if self._stop.is_set() or time.monotonic() > deadline:
                    child.kill()
            else:
                return


def _last_line(said: IO[str]) -> str:
    """Return what a failed child said last: the exception."""
    said.seek(0)
    lines = said.read().split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it was killed")[:500]
