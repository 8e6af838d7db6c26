"""The versions this host has fetched, on disk, so that a worker can start while MLflow is away.

One folder per registry, model and version, shared by all workers of a user. A folder appears by one rename
and goes by one rename, so nobody ever sees half of one; the digest of each file is checked before every load,
because what lies there is run as code. Knows files, knows neither MLflow nor models.
"""

import contextlib
import hashlib
import json
import logging
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from worker.errors import ModelUnavailable
from worker.mlflow_client import FETCH_LIMIT_S
from worker.registry import Version

log = logging.getLogger(__name__)

#: The one that serves and the one to roll back to.
KEPT = 2
_FILES, _DIGESTS, _GOOD = "files", "digests.json", "good"


class Shelf:
    """The fetched versions of one registered model."""

    def __init__(self, root: Path, tracking_uri: str, model: str) -> None:
        # Another registry may have a model and a version of this name. Its password is left out.
        address = urlsplit(tracking_uri)._replace(query="", fragment="")
        bare = address._replace(netloc=address.netloc.rpartition("@")[2]).geturl()
        self._folder = root / hashlib.sha256(bare.encode()).hexdigest()[:8] / model

    @property
    def folder(self) -> Path:
        """Where all versions of the model lie."""
        return self._folder

    def find(self, version: Version) -> Path | None:
        """Return the folder of the version's files, every one as it was fetched; drop a damaged copy."""
        place = self._place(version)
        if not place.exists():
            return None
        if _is_whole(place):
            return place / _FILES
        log.warning("shelf.damaged", extra={"version": version.number})
        self._drop(place)
        return None

    def put(self, version: Version, fetch: Callable[[Path], None]) -> Path:
        """Let ``fetch`` fill a folder with the version's files; return it under its own name.

        Raises:
            ModelUnavailable: the files cannot be fetched or stored.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".", dir=self._folder) as scratch:
                filled = Path(scratch) / "version"
                (filled / _FILES).mkdir(parents=True)
                fetch(filled / _FILES)
                (filled / _DIGESTS).write_text(json.dumps(_digests(filled / _FILES)), "utf-8")
                _rename(filled, self._place(version))
        except OSError as error:
            raise ModelUnavailable(
                f"version {version.number} cannot be stored in {self._folder} ({error.strerror}): "
                "make room there, or set WORKER_CACHE"
            ) from error
        found = self.find(version)
        if found is None:
            raise ModelUnavailable(f"version {version.number} changed on disk while it was stored")
        return found

    def keep(self, version: Version) -> None:
        """Remember the version as the newest that served well, and forget the oldest beyond ``KEPT``."""
        # Not worth a version: it serves from memory, only a start without MLflow would miss it.
        with contextlib.suppress(OSError):
            (self._place(version) / _GOOD).touch()
            for old in self.good()[KEPT:]:
                self._drop(self._place(old))
            for left in self._folder.iterdir():
                if not (left / _GOOD).exists() and _age_s(left) > 2 * FETCH_LIMIT_S:
                    shutil.rmtree(left)

    def drop(self, version: Version) -> None:
        """Forget the version; a worker that serves it has it in memory."""
        self._drop(self._place(version))

    def good(self) -> list[Version]:
        """Return the versions that served well, newest first."""
        marks = sorted(self._folder.glob(f"*/{_GOOD}"), key=_age_s)
        names = [mark.parent.name.rpartition("-") for mark in marks]
        return [Version(number, key) for number, _, key in names]

    def _place(self, version: Version) -> Path:
        return self._folder / f"{version.number}-{version.key}"

    def _drop(self, place: Path) -> None:
        with contextlib.suppress(OSError):
            gone = Path(tempfile.mkdtemp(prefix=".", dir=self._folder))
            place.rename(gone / "version")
            shutil.rmtree(gone)


def _rename(folder: Path, place: Path) -> None:
    try:
        folder.rename(place)
    except OSError:
        # Another worker was quicker; its copy is as good.
        if not place.exists():
            raise


def _digests(files: Path) -> dict[str, str]:
    """Return the SHA-256 of each file by its path below ``files``."""
    digests = {}
    for path in sorted(files.rglob("*")):
        # Bytecode appears when a model's own modules are imported; Python checks it against the source.
        if path.is_file() and path.parent.name != "__pycache__":
            with path.open("rb") as file:
                digests[path.relative_to(files).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests


def _is_whole(place: Path) -> bool:
    try:
        stored = json.loads((place / _DIGESTS).read_text("utf-8"))
        return bool(stored == _digests(place / _FILES))
    except (OSError, ValueError):
        return False


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0
