"""The page's charts: fetched when the package is built, held to their digest, and not fetched twice."""

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import pytest

REPOSITORY = Path(__file__).parents[2]
THERE = REPOSITORY / "gateway" / "page" / "static" / "charts"


@pytest.fixture(scope="module")
def build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build", REPOSITORY / "setup.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_is_there_is_what_was_pinned_and_nobody_is_asked_for_it(build: ModuleType) -> None:
    build.fetch(THERE, "http://127.0.0.1:9")


def test_a_registry_that_cannot_be_reached_leaves_nothing_behind(build: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="refused"):
        build.fetch(tmp_path / "charts", "http://127.0.0.1:9")
    assert not (tmp_path / "charts").exists()


def test_what_a_registry_changed_is_refused_before_it_is_written(build: ModuleType, tmp_path: Path) -> None:
    package = tmp_path / build.PACKAGE
    package.parent.mkdir(parents=True)
    package.write_bytes(b"something else")
    with pytest.raises(ValueError, match="and not sha512-KIMVnG68"):
        build.fetch(tmp_path / "charts", tmp_path.as_uri())
    assert not (tmp_path / "charts").exists()


def test_a_file_that_was_changed_is_fetched_anew(build: ModuleType, tmp_path: Path) -> None:
    shutil.copytree(THERE, tmp_path / "charts")
    (tmp_path / "charts" / "uPlot.min.css").write_text("")
    with pytest.raises(OSError, match="refused"):
        build.fetch(tmp_path / "charts", "http://127.0.0.1:9")
