"""MLflow over plain HTTP, with the standard library: what a worker asks of it every few seconds, for ever.

Importing MLflow for that costs 1.3 s and 110 MB. What only MLflow's own code can do (other addresses, other
ways to log in, files that lie elsewhere than behind its server) is left to ``mlflow_client``.
"""

import base64
import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode, urlsplit, urlunsplit
from urllib.request import Request, urlopen

from worker.errors import AliasUnset, ModelUnavailable, RegistryAway

#: MLflow answers in milliseconds; a host that swallows packets must not hold up a start for long.
TIMEOUT_S = 5.0
#: What MLflow answers when the model or its alias is not there; anything else is trouble on the way.
ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
#: Ways to reach a registry that only MLflow's client knows.
_ITS_OWN_WAYS = (
    "MLFLOW_REGISTRY_URI", "MLFLOW_TRACKING_AUTH", "MLFLOW_TRACKING_AWS_SIGV4", "MLFLOW_WORKSPACE",
    "MLFLOW_TRACKING_CLIENT_CERT_PATH", "MLFLOW_TRACKING_SERVER_CERT_PATH", "MLFLOW_TRACKING_INSECURE_TLS",
)  # fmt: skip
_CHUNK = 1 << 20


def will_do(tracking_uri: str) -> bool:
    """Return whether plain HTTP reaches this registry as MLflow's client would."""
    return urlsplit(tracking_uri).scheme in ("http", "https") and not any(map(os.environ.get, _ITS_OWN_WAYS))


class Rest:
    """One registered model on an MLflow server.

    Args:
        stop: once set, a fetch under way is given up.
    """

    def __init__(self, tracking_uri: str, name: str, stop: threading.Event) -> None:
        address = urlsplit(tracking_uri)
        host = address.netloc.rpartition("@")[2]
        self._root = urlunsplit((address.scheme, host, address.path.rstrip("/"), "", "")) + "/api/2.0"
        self._headers = _credentials(address.username, address.password)
        self._name = name
        self._stop = stop

    def aliased(self, alias: str) -> Mapping[str, Any]:
        """Return the model version that an alias points to.

        Raises:
            AliasUnset: it points nowhere.
            RegistryAway: MLflow does not answer.
        """
        try:
            answer = self._ask("mlflow/registered-models/alias", name=self._name, alias=alias)
            return dict(answer["model_version"])
        except HTTPError as error:
            with error:
                if _code(error.read()) in ABSENT:
                    raise AliasUnset(f"{self._name!r} has no {alias} yet") from error
            raise RegistryAway(f"MLflow answers {error.code} when asked for the {alias}") from error
        except (OSError, HTTPException) as error:
            raise RegistryAway("MLflow does not answer: start it, or set MLFLOW_TRACKING_URI") from error
        except (ValueError, KeyError, TypeError) as error:
            raise RegistryAway("what answers at MLFLOW_TRACKING_URI is not MLflow") from error

    def fetch(self, number: str, folder: Path) -> bool:
        """Copy a version's files into ``folder``; return False where they lie elsewhere.

        Raises:
            ModelUnavailable: they cannot be copied now.
            OSError: they cannot be written.
        """
        with _unavailable(f"version {number} of {self._name!r} cannot be fetched"):
            answer = self._ask("mlflow/model-versions/get-download-uri", name=self._name, version=number)
            place = urlsplit(str(answer["artifact_uri"]))
        if place.scheme != "mlflow-artifacts" or place.netloc:
            return False
        self._copy(PurePosixPath(place.path.lstrip("/")), folder)
        return True

    def _copy(self, place: PurePosixPath, folder: Path) -> None:
        with _unavailable(f"{place} cannot be listed"):
            entries = self._ask("mlflow-artifacts/artifacts", path=str(place)).get("files", [])
        for entry in entries:
            # The last part only: a file must not land outside of the folder.
            name = PurePosixPath(entry["path"]).name
            if entry["is_dir"]:
                (folder / name).mkdir()
                self._copy(place / name, folder / name)
            else:
                self._copy_file(place / name, folder / name, entry.get("file_size"))

    def _copy_file(self, place: PurePosixPath, file: Path, size: int | None) -> None:
        copied = 0
        with file.open("wb") as target:
            for chunk in self._chunks(place):
                target.write(chunk)
                copied += len(chunk)
        # A connection that closes early looks like the end of the file. Not every store knows sizes.
        if size is not None and copied != size:
            raise ModelUnavailable(f"{place} was cut short: {copied} bytes of {size}")

    def _chunks(self, place: PurePosixPath) -> Iterator[bytes]:
        failure = _unavailable(f"{place} cannot be read")
        with failure, self._open(f"mlflow-artifacts/artifacts/{quote(str(place))}") as answer:
            while chunk := answer.read(_CHUNK):
                if self._stop.is_set():
                    raise ModelUnavailable("the worker stops")
                yield chunk

    def _ask(self, method: str, /, **query: str) -> dict[str, Any]:
        with self._open(f"{method}?{urlencode(query)}") as answer:
            return dict(json.load(answer))

    def _open(self, path: str) -> HTTPResponse:
        request = Request(f"{self._root}/{path}", headers=self._headers)  # noqa: S310 - http or https, see will_do
        answer: HTTPResponse = urlopen(request, timeout=TIMEOUT_S)  # noqa: S310
        return answer


@contextmanager
def _unavailable(message: str) -> Iterator[None]:
    """Turn trouble on the way into one of ours."""
    try:
        yield
    except (OSError, HTTPException, ValueError, KeyError) as error:
        raise ModelUnavailable(f"{message} ({type(error).__name__})") from error


def _credentials(user: str | None, password: str | None) -> dict[str, str]:
    """Return the header that MLflow's client would send."""
    if token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
        return {"Authorization": f"Bearer {token}"}
    user = os.environ.get("MLFLOW_TRACKING_USERNAME") or user
    password = os.environ.get("MLFLOW_TRACKING_PASSWORD") or password
    if not user:
        return {}
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password or ''}".encode()).decode()}


def _code(body: bytes) -> str:
    try:
        return str(json.loads(body)["error_code"])
    except (ValueError, KeyError, TypeError):
        return ""
