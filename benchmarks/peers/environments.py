"""The peers' Python environments: made from locked, hashed packages, next to nothing when they exist.

They hold the peers and what these need. The model's own packages (MLflow, numpy, torch ...) come from the
environment that runs the benchmark, so that every peer runs the same build of the same model.
"""

import subprocess
import sys
import sysconfig
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parents[1] / ".peers"
#: What the environment was made from, to see that it must be made again.
STAMP = "made-from.txt"


@cache
def python(name: str) -> str:
    """Return the interpreter of an environment, made first if need be.

    Args:
        name: ``newest`` or ``arq``, as the lock files beside this one are called.

    Raises:
        SystemExit: the packages could not be installed.
    """
    lock = Path(__file__).with_name(f"{name}.txt")
    folder = FOLDER / name
    interpreter = folder / "bin" / "python"
    stamp = folder / STAMP
    wanted = f"{sys.version}\n{lock.read_text()}"
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"installing the peers ({name}) into {folder} ...", file=sys.stderr)
        _uv("venv", "--clear", "--python", sys.executable, str(folder))
        _uv(
            "pip",
            "install",
            "--compile-bytecode",
            "--require-hashes",
            "--python",
            str(interpreter),
            "-r",
            str(lock),
        )
        stamp.write_text(wanted)
    _behind(folder).write_text(sysconfig.get_path("purelib") + "\n")
    return str(interpreter)


def _behind(folder: Path) -> Path:
    """The file by which an environment also finds, after its own, the packages of the one that runs this."""
    return next(folder.glob("lib/python*/site-packages")) / "barometer.pth"


def _uv(*arguments: str) -> None:
    try:
        subprocess.run([Path(sys.executable).with_name("uv"), *arguments, "--quiet"], check=True)
    except FileNotFoundError:
        raise SystemExit(
            "uv is missing: run `make test` once, it sets up what the benchmarks need."
        ) from None
    except subprocess.CalledProcessError as error:
        raise SystemExit("the peers could not be installed: is the package index reachable?") from error
