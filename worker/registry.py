"""The MLflow registry, as a worker needs it: which version is the champion, and that version's files."""

import hashlib
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path

from contract.registry import CHALLENGER, CHAMPION
from worker import rest
from worker.errors import AliasUnset
from worker.mlflow_client import MlflowClient
from worker.rest import Rest

# The quiet of MLflow's own settings, where its code must be used: fail fast when its server is away (we retry
# ourselves), load nothing by pickle, and tell nobody that it ran. Anything the operator has set wins.
_ENVIRONMENT = {
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_CONFIGURE_LOGGING": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the registered model.

    ``key`` tells it from a version of the same number in another registry, or in one that began anew;
    ``registered_ms`` is when the registry got it, in milliseconds since the epoch, where that was asked.
    """

    number: str
    key: str
    registered_ms: int = field(default=0, compare=False)


class Registry:
    """One registered model.

    Args:
        stop: once set, a fetch under way is given up.
    """

    def __init__(self, tracking_uri: str, name: str, stop: threading.Event) -> None:
        for variable, value in _ENVIRONMENT.items():
            os.environ.setdefault(variable, value)
        self._mlflow = MlflowClient(tracking_uri, name, stop)
        self._rest = Rest(tracking_uri, name, stop) if rest.will_do(tracking_uri) else None

    def champion(self) -> Version:
        """Return the version that serves.

        Raises:
            AliasUnset: there is none.
            RegistryAway: MLflow does not answer.
        """
        return self._aliased(CHAMPION)

    def challenger(self) -> Version | None:
        """Return the version that waits to serve, if there is one.

        Raises:
            RegistryAway: MLflow does not answer.
        """
        try:
            return self._aliased(CHALLENGER)
        except AliasUnset:
            return None

    def fetch(self, version: Version, folder: Path) -> None:
        """Copy the version's files into ``folder``.

        Raises:
            ModelUnavailable: they cannot be copied now.
            OSError: they cannot be written.
        """
        if self._rest is None or not self._rest.fetch(version.number, folder):
            self._mlflow.fetch(version.number, folder)

    def _aliased(self, alias: str) -> Version:
        found = (self._rest or self._mlflow).aliased(alias)
        # The source holds a random id since MLflow 3, the run's id before; the time is for a source given by
        # hand.
        told = "\n".join(str(found.get(field)) for field in ("source", "run_id", "creation_timestamp"))
        key = hashlib.sha256(told.encode()).hexdigest()[:12]
        return Version(str(found["version"]), key, int(found.get("creation_timestamp") or 0))
