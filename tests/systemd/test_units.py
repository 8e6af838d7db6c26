"""The unit files: valid, sandboxed, and nothing loosened without a reason."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.systemd.host import REPOSITORY

UNITS = REPOSITORY / "systemd" / "units"
SERVICES = sorted(path.name for path in UNITS.glob("*.service"))
#: What one service's exposure to the rest of the machine may be, of 10.
EXPOSURE = 2.0


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root folder that holds our units, as an install puts them there, and no others but systemd's own."""
    root = tmp_path_factory.mktemp("root")
    installed = root / "etc/systemd/system"
    for file in UNITS.rglob("*.*"):
        if file.is_file():
            target = installed / file.relative_to(UNITS)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(file.read_text().replace("@RELEASE@", "/opt/release"))
    for needed in (
        "opt/release/bin/python", "opt/release/systemd/install", "opt/release/systemd/await-http",
        "opt/release/systemd/serve-mlflow",
        "usr/bin/redis-server", "usr/bin/env", "bin/kill",
    ):  # fmt: skip
        (root / needed).parent.mkdir(parents=True, exist_ok=True)
        (root / needed).write_text("#!/bin/sh\n")
        (root / needed).chmod(0o755)
    theirs = root / "lib/systemd/system"
    theirs.mkdir(parents=True)
    targets = ("network-online", "sysinit", "basic", "shutdown", "timers", "sockets", "slices", "multi-user")
    for name in (*(f"{target}.target" for target in targets), "-.slice", "-.mount"):
        (theirs / name).write_text("[Unit]\nDescription=systemd's own\n")
    return root


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("systemd-analyze is not installed")


def test_systemd_reads_every_unit_without_a_word(root: Path) -> None:
    names = [
        path.name.replace("@.", "@sentiment-1.")
        for path in UNITS.iterdir()
        if path.is_file() and path.suffix != ".slice"
    ]
    done = analyze("verify", "--man=no", f"--root={root}", *names)
    # It ends with 0 where it does not know a key: what it says is the verdict.
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_hardly_exposed(name: str, root: Path) -> None:
    unit = name.replace("@.", "@sentiment-1.")
    threshold = f"--threshold={int(EXPOSURE * 10)}"
    done = analyze("security", "--offline=true", threshold, "--no-pager", f"--root={root}", unit)
    assert done.returncode == 0, done.stdout[-2000:]


def test_what_is_loosened_has_its_reason_beside_it() -> None:
    for file in UNITS.rglob("20-*.conf"):
        assert file.read_text().startswith("# "), file


def test_every_service_has_limits_and_comes_back() -> None:
    for name in SERVICES:
        text = (UNITS / name).read_text()
        wanted = {"MemoryMax=", "TasksMax=", "User=", "StartLimitBurst=", "Restart=always", "TimeoutStopSec="}
        if name == "barometer-backup.service":
            wanted = {"MemoryMax=", "TasksMax="}
        assert {setting for setting in wanted if setting not in text} == set(), name


def test_the_target_wants_all_that_a_host_runs() -> None:
    target = (UNITS / "barometer.target").read_text()
    wanted = {word for line in target.splitlines() if line.startswith("Wants=") for word in line[6:].split()}
    parts = {name for name in SERVICES if "@" not in name and "backup" not in name}
    assert parts | {"barometer-gateway.socket", "barometer-backup.timer"} <= wanted


def test_the_installer_needs_nothing_but_python() -> None:
    for module in (REPOSITORY / "systemd/hosting").glob("*.py"):
        for line in module.read_text().splitlines():
            if line.startswith(("import ", "from ")):
                name = line.split()[1].partition(".")[0]
                assert name in {"hosting", *sys.stdlib_module_names}, f"{module.name}: {line}"
