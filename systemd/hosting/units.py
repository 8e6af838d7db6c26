"""The unit files of a release, and what is started, restarted and stopped with them.

A unit names its release, not ``current``: a process that imports late gets the code it began with, whatever
serves meanwhile.
"""

import shutil
from pathlib import Path

from hosting import places
from hosting.commands import run, succeeds

TARGET = "barometer.target"


def install(release: Path) -> None:
    """Put a release's units in place, and take away those it does not have."""
    source = release / "systemd" / "units"
    wanted = {str(path.relative_to(source)) for path in source.rglob("*") if path.is_file()}
    for name in sorted(wanted):
        file = places.UNITS / name
        file.parent.mkdir(parents=True, exist_ok=True)
        beside = file.with_suffix(".new")
        beside.write_text((source / name).read_text().replace("@RELEASE@", str(release)))
        beside.rename(file)
    for file in _ours():
        if str(file.relative_to(places.UNITS)) not in wanted:
            file.unlink()
    alias = places.UNITS / "worker@.service"
    alias.unlink(missing_ok=True)
    alias.symlink_to("barometer-worker@.service")
    run("systemctl", "daemon-reload")


def remove() -> None:
    """Stop everything and take the units away."""
    if succeeds("systemctl", "cat", TARGET):
        run("systemctl", "disable", "--now", TARGET, *workers(), *_enabled())
        run("systemctl", "stop", "barometer-gateway.socket", "barometer-gateway.service", "barometer.slice")
    for file in _ours():
        file.unlink()
    for folder in places.UNITS.glob("barometer*.d"):
        shutil.rmtree(folder)
    (places.UNITS / "worker@.service").unlink(missing_ok=True)
    run("systemctl", "daemon-reload")


def workers() -> list[str]:
    """The units of workers that are running or are to run."""
    lines = run(
        "systemctl", "list-units", "--all", "--plain", "--no-legend", "barometer-worker@*.service"
    ).splitlines()
    wanted = [
        path.name for path in (places.CHOICES / "barometer.target.wants").glob("barometer-worker@*.service")
    ]
    return sorted({*(line.split()[0] for line in lines), *wanted})


def is_masked(unit: str) -> bool:
    """Whether the operator has a server of their own in its place."""
    file = places.CHOICES / unit
    return file.is_symlink() and str(file.readlink()) == "/dev/null"


def is_active(unit: str) -> bool:
    """Whether a unit runs."""
    return succeeds("systemctl", "is-active", "--quiet", unit)


def restarts(unit: str) -> int:
    """How often systemd has started it again since it was started."""
    return int(run("systemctl", "show", "--property=NRestarts", "--value", unit) or 0)


def _enabled() -> list[str]:
    return [path.name for path in (places.CHOICES / "barometer.target.wants").glob("*")]


def _ours() -> list[Path]:
    """Unit files that an install put there."""
    found = [*places.UNITS.glob("barometer*.*"), *places.UNITS.glob("barometer*.d/[12]0-*.conf")]
    return [path for path in found if path.is_file() and not path.is_symlink()]
