"""The build step that brings the page its charts: uPlot, from the npm registry, held to its digest.

Everything else of the build is in pyproject.toml. A build without the registry goes on, and says so: the page
then shows figures in tables. ``NPM_CONFIG_REGISTRY`` names another registry, also a folder (``file:///...``).
"""

import base64
import hashlib
import io
import os
import sys
import tarfile
import urllib.request
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

REGISTRY = "https://registry.npmjs.org"
PACKAGE = "uplot/-/uplot-1.6.32.tgz"
#: As the registry and every npm lock file have it.
INTEGRITY = "sha512-KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw=="
#: What the page needs of it, each by its SHA-256: what is there already is not fetched again.
FILES = {
    "dist/uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "dist/uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    "LICENSE": "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
}
FOLDER = Path(__file__).parent / "gateway" / "page" / "static" / "charts"
#: Seconds that a silent registry may hold up a build.
TIMEOUT_S = 15


class BuildWithCharts(build_py):
    """setuptools' own step, after the charts are there; an editable install runs it too."""

    def run(self) -> None:
        """Fetch what is missing, then build."""
        registry = os.environ.get("NPM_CONFIG_REGISTRY") or REGISTRY
        try:
            fetch(FOLDER, registry)
        except (OSError, ValueError) as error:
            print(f"barometer: no charts on the page, tables only: {registry}: {error}", file=sys.stderr)
        super().run()


def fetch(folder: Path, registry: str) -> None:
    """Make a folder hold uPlot's files.

    Raises:
        OSError: the registry cannot be reached, or the folder not written.
        ValueError: what came is not what was pinned.
    """
    if all(_is_there(folder / Path(name).name, digest) for name, digest in FILES.items()):
        return
    with urllib.request.urlopen(f"{registry.rstrip('/')}/{PACKAGE}", timeout=TIMEOUT_S) as answer:  # noqa: S310 - the operator's
        packed = answer.read()
    found = "sha512-" + base64.b64encode(hashlib.sha512(packed).digest()).decode()
    if found != INTEGRITY:
        raise ValueError(f"{PACKAGE} is {found}, and not {INTEGRITY}")
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for name in FILES:
            member = archive.extractfile(f"package/{name}")
            assert member is not None, "the digest says that it is in there"
            (folder / Path(name).name).write_bytes(member.read())


def _is_there(file: Path, digest: str) -> bool:
    return file.is_file() and hashlib.sha256(file.read_bytes()).hexdigest() == digest


if __name__ == "__main__":
    setup(cmdclass={"build_py": BuildWithCharts})
