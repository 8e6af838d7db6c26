"""A host over this machine's own root folder, with the packages that these tests run with: up in seconds."""

import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.systemd.host import REPOSITORY, Host, alone, fresh, lend_python

sys.path.insert(0, str(REPOSITORY / "systemd"))
from hosting.releases import COMPLETE, environment_name

#: Where the host sees this checkout.
SOURCE = "/srv/barometer"


@dataclass(frozen=True, slots=True)
class Checkout:
    """Another source: where it lies, where the host sees it, and what its packages have more than ours."""

    folder: Path
    seen_at: str
    packages: Path | None = None

    @property
    def environment(self) -> str:
        """Where an install looks for its packages."""
        return f"/opt/barometer/environments/{environment_name(self.folder / 'requirements/serve.txt')}"


@contextmanager
def borrowed(number: int, *others: Checkout) -> Iterator[Host]:
    """A booted host that sees this checkout; its /root/environment has the ``PYTHON`` to install with.

    Packages of others lie at SEEN_AT.environment: an install that does not know them would take them away.
    """
    with tempfile.TemporaryDirectory(prefix="barometer-") as temporary, fresh(Path("/"), number) as host:
        alone(host)
        ours = Checkout(REPOSITORY, SOURCE)
        host.lend(ours.folder, ours.seen_at)
        _lend_environment(host, Path(temporary), ours.environment)
        for other in others:
            host.lend(other.folder, other.seen_at)
            if other.packages:
                _lend_environment(host, Path(temporary), f"{other.seen_at}.environment", other.packages)
        (host.root / "root/environment").write_text(f"export PYTHON={lend_python(host)}\n")
        host.boot()
        yield host


def _lend_environment(host: Host, temporary: Path, inside: str, over: Path | None = None) -> None:
    """Lend our packages: to install them anew takes a minute. What is read-only outlives an uninstall."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    temporary.chmod(0o755)
    shape = temporary / Path(inside).name
    (shape / "bin").mkdir(parents=True)
    (shape / f"lib/{version}/site-packages").mkdir(parents=True)
    (shape / COMPLETE).touch()
    host.lend(shape, inside)
    host.lend(Path(sysconfig.get_path("purelib")), f"{inside}/lib/{version}/site-packages", over)
    host.lend(Path(sys.prefix) / "bin", f"{inside}/bin")
