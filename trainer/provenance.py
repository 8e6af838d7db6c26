"""Where a model comes from: the commit of this code and the versions it ran with."""

import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = (
    *("barometer", "mlflow", "numpy", "scikit-learn", "scipy"),
    *("keras", "onnxruntime", "tensorflow", "tokenizers", "torch", "transformers"),
)


def versions() -> dict[str, str]:
    """Return the version of Python and of each package that shapes a model."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue  # of another family, or ours in a source tree that was never installed
    return found


def code(folder: Path = Path(__file__).parent) -> dict[str, str]:
    """Return ``commit`` and ``dirty`` of the repository that tracks ``folder``; empty where none does."""
    git = shutil.which("git")
    # An installed copy may lie inside somebody else's repository, which does not track it.
    if git is None or not _git(git, folder, "ls-files", "."):
        return {}
    commit = _git(git, folder, "rev-parse", "HEAD")
    if not commit:
        return {}
    return {"commit": commit, "dirty": str(bool(_git(git, folder, "status", "--porcelain", "."))).lower()}


def _git(git: str, folder: Path, *arguments: str) -> str:
    """Return what git says, or nothing where it fails."""
    done = subprocess.run(  # noqa: S603  # git as found on PATH, arguments of our own
        [git, "-C", str(folder), *arguments], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else ""
