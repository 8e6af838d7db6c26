"""What an install decides without touching anything."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.systemd.host import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "systemd"))
from hosting.accounts import redis_users
from hosting.releases import Source, prunable


def test_the_newest_stay_and_so_does_the_one_that_serves() -> None:
    assert prunable(["d", "c", "b", "a"], "a", 2) == ["b"]
    assert prunable(["d", "c"], "d", 3) == []


def test_the_same_source_is_the_same_release(tmp_path: Path) -> None:
    heavy = shutil.ignore_patterns(".*", "tests", "benchmarks", "docs", "__pycache__", "build")
    for name in ("one", "two"):
        shutil.copytree(REPOSITORY, tmp_path / name, ignore=heavy)
    one, two = Source(tmp_path / "one"), Source(tmp_path / "two")
    assert one.name == two.name
    assert one.name.startswith(f"{one.version}-")
    (two.folder / "gateway/app.py").write_text("# changed\n")
    assert one.name != two.name
    assert {path.name for path in one.packages} >= {"contract", "gateway", "worker", "monitoring", "trainer"}


def test_one_host_and_many_have_the_same_users_in_redis(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    subprocess.run(
        [REPOSITORY / "systemd/redis/secure", tmp_path, "localhost"], check=True, capture_output=True
    )
    names = ("gateway", "worker", "monitoring", "trainer", "operator", "tools")
    urls = {name: (tmp_path / f"{name}.env").read_text() for name in names}
    passwords = {name: url.partition(f"{name}:")[2].partition("@")[0] for name, url in urls.items()}
    ours = redis_users((REPOSITORY / "systemd/redis/users.acl").read_text(), passwords)
    assert ours.split() == (tmp_path / "users.acl").read_text().split()
