"""A host over this machine's own root folder, with the packages that these tests run with: up in seconds."""

import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.systemd.host import REPOSITORY, Host, alone, fresh, lend_python

sys.path.insert(0, str(REPOSITORY / "systemd"))
from hosting.releases import COMPLETE, environment_name

#: Where the host sees this checkout.
SOURCE = "/srv/barometer"


@contextmanager
def borrowed(number: int) -> Iterator[Host]:
    """A booted host. ``PYTHON`` in its /root/environment is what to install with."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    with tempfile.TemporaryDirectory(prefix="barometer-") as temporary, fresh(Path("/"), number) as host:
        alone(host)
        host.lend(REPOSITORY, SOURCE)
        # To install the packages anew takes a minute. What is lent read-only outlives an uninstall.
        shape = Path(temporary)
        shape.chmod(0o755)
        (shape / "bin").mkdir()
        (shape / f"lib/{version}/site-packages").mkdir(parents=True)
        (shape / COMPLETE).touch()
        name = environment_name(REPOSITORY / "requirements/serve.txt")
        environment = f"/opt/barometer/environments/{name}"
        host.lend(shape, environment)
        host.lend(Path(sysconfig.get_path("purelib")), f"{environment}/lib/{version}/site-packages")
        host.lend(Path(sys.prefix) / "bin", f"{environment}/bin")
        (host.root / "root/environment").write_text(f"export PYTHON={lend_python(host)}\n")
        host.boot()
        yield host
