"""Releases side by side, and the environments of locked packages that they share.

A release is named by its content: the same source is the same release, however often it is installed. Its
folder is a virtual environment with Barometer alone in it; the packages lie in an environment named by the
lock, so that an upgrade whose lock is the same takes seconds, and ten releases do not take ten gigabytes.
"""

import hashlib
import os
import shutil
import sys
import sysconfig
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hosting import places
from hosting.commands import run, say
from hosting.errors import NotReady

#: Written last: a folder without it is what a broken install left.
COMPLETE = ".complete"
#: What setup.py fetches for the page; a release without it serves all the same.
CHARTS = "gateway/page/static/charts/*.js"
#: What of a checkout is neither code nor needed to install it.
_LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "tests", "benchmarks", "docs")


@dataclass(frozen=True, slots=True)
class Source:
    """A checkout, or a copy of one, that can be installed."""

    folder: Path

    @property
    def packages(self) -> list[Path]:
        """The folders of Barometer's code."""
        return sorted(
            path.parent for path in self.folder.glob("*/__init__.py") if path.parent.name not in _SIDE
        )

    @property
    def version(self) -> str:
        """The version that the code says it is."""
        return str(tomllib.loads((self.folder / "pyproject.toml").read_text())["project"]["version"])

    @property
    def lock(self) -> Path:
        """The locked packages, each with the hashes of its files."""
        return self.folder / "requirements" / "serve.txt"

    @property
    def name(self) -> str:
        """The release's name: version, and eight digits of a hash over all that is installed."""
        files = [
            self.folder / "pyproject.toml",
            *self.folder.glob("setup.py"),
            *sorted((self.folder / "requirements").glob("*.txt")),
        ]
        for folder in (*self.packages, self.folder / "systemd"):
            files += sorted(
                file for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts
            )
        digest = hashlib.sha256()
        for file in files:
            content = file.read_bytes()
            digest.update(f"{file.relative_to(self.folder)} {len(content)}\n".encode() + content)
        return f"{self.version}-{digest.hexdigest()[:8]}"


_SIDE = {"tests", "benchmarks"}


def installed() -> list[str]:
    """The names of complete releases; the one that was installed or began to serve last comes first."""
    found = [path.parent for path in places.RELEASES.glob(f"*/{COMPLETE}")]
    return [path.name for path in sorted(found, key=lambda path: -(path / COMPLETE).stat().st_mtime)]


def current() -> str | None:
    """The name of the release that serves, or None."""
    return places.CURRENT.readlink().name if places.CURRENT.is_symlink() else None


def prunable(names: Sequence[str], serving: str | None, keep: int) -> list[str]:
    """Return which releases may go: all but the ``keep`` newest and the one that serves. Pure."""
    return [name for position, name in enumerate(names) if position >= keep and name != serving]


def environment_of(release: str) -> str:
    """The name of the environment that a release uses."""
    return (places.RELEASES / release / "ENVIRONMENT").read_text()


def make(source: Source, wheelhouse: Path | None) -> str:
    """Install a source beside the other releases and return its name; what is complete is left as it is."""
    name, environment = source.name, _environment(source, wheelhouse)
    folder = places.RELEASES / name
    if (folder / COMPLETE).exists():
        return name
    say(f"release {name}")
    shutil.rmtree(folder, ignore_errors=True)
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    packages = Path(sysconfig.get_path("purelib", "venv", vars={"base": str(folder)}))
    theirs = Path(sysconfig.get_path("purelib", "venv", vars={"base": str(environment)}))
    (packages / "environment.pth").write_text(f"import site; site.addsitedir({str(theirs)!r})\n")
    # The build fetches the page's charts, which the folder of wheels has too.
    registry = {"NPM_CONFIG_REGISTRY": wheelhouse.absolute().as_uri()} if wheelhouse else {}
    with tempfile.TemporaryDirectory(prefix="barometer-") as temporary:
        copy = Path(temporary) / "source"
        shutil.copytree(source.folder, copy, ignore=_LEFT_OUT)
        run(
            environment / "bin/uv", "pip", "install", "--quiet", "--python", folder / "bin/python",
            "--no-deps", "--no-build-isolation", "--offline", "--no-cache", "--compile-bytecode", copy,
            env={**os.environ, **registry},
        )  # fmt: skip
        if not list(packages.glob(CHARTS)):
            say("the npm registry could not be reached: the page will show tables in place of charts")
        shutil.copytree(copy / "systemd", folder / "systemd")
    (folder / "ENVIRONMENT").write_text(environment.name)
    run(folder / "bin/python", "-c", "import gateway.app, worker.service, monitoring.service, trainer.work")
    (folder / COMPLETE).touch()
    return name


def environment_name(lock: Path) -> str:
    """The name of the environment for a lock and this Python."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return hashlib.sha256(lock.read_bytes() + python.encode()).hexdigest()[:12]


def _environment(source: Source, wheelhouse: Path | None) -> Path:
    """Return the folder of the locked packages, made if it is not there."""
    folder = places.ENVIRONMENTS / environment_name(source.lock)
    if (folder / COMPLETE).exists():
        return folder
    say("installing the locked packages: some minutes the first time, and after each change of the lock")
    free = shutil.disk_usage(places.PREFIX).free
    if free < 3 * 2**30:
        raise NotReady(f"{places.PREFIX} has {free / 2**30:.1f} GB free, and 3 are needed")
    shutil.rmtree(folder, ignore_errors=True)
    where = ("--no-index", "--find-links", str(wheelhouse)) if wheelhouse else ()
    run(sys.executable, "-m", "venv", folder)
    run(
        folder / "bin/python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet",
        "--require-hashes", "--only-binary=:all:", *where, "-r", source.folder / "requirements/uv.txt",
    )  # fmt: skip
    run(
        folder / "bin/uv", "pip", "install", "--quiet", "--no-cache", "--compile-bytecode",
        "--require-hashes", "--python", folder / "bin/python", *where, "-r", source.lock,
        env={**os.environ, "UV_NO_PROGRESS": "1"},
    )  # fmt: skip
    (folder / COMPLETE).touch()
    return folder


def point_at(name: str) -> None:
    """Let ``current`` name another release, in one step."""
    beside = places.CURRENT.with_name("current.new")
    beside.unlink(missing_ok=True)
    beside.symlink_to(places.RELEASES / name)
    beside.rename(places.CURRENT)
    (places.RELEASES / name / COMPLETE).touch()


def remove(name: str) -> None:
    """Take a release away."""
    shutil.rmtree(places.RELEASES / name)


def prune(keep: int) -> list[str]:
    """Remove old releases and the environments that none needs any more; return the releases."""
    gone = prunable(installed(), current(), keep)
    for name in gone:
        remove(name)
    needed = {environment_of(name) for name in installed()}
    for folder in places.ENVIRONMENTS.iterdir():
        if folder.name not in needed:
            shutil.rmtree(folder)
    return gone
