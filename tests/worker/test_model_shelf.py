"""The versions on disk: whole or not there, shared, and no more than needed."""

import os
import time
from pathlib import Path

import pytest

from worker.errors import ModelUnavailable
from worker.registry import Version
from worker.shelf import Shelf

ONE, TWO, THREE = Version("1", "aaa"), Version("2", "bbb"), Version("3", "ccc")
URI = "http://user:secret@mlflow:5000"


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "cache", URI, "sentiment")


def fetch(folder: Path) -> None:
    (folder / "artifacts").mkdir()
    (folder / "artifacts" / "weights").write_text("1 2 3")
    (folder / "MLmodel").write_text("flavors")


def refuse(folder: Path) -> None:
    raise ModelUnavailable("MLflow is away")


def everything(shelf: Shelf) -> set[str]:
    return {path.name for path in shelf.folder.iterdir()}


def test_what_was_put_is_found_by_any_worker_of_the_same_registry(shelf: Shelf, tmp_path: Path) -> None:
    folder = shelf.put(ONE, fetch)
    assert (folder / "artifacts" / "weights").read_text() == "1 2 3"
    assert Shelf(tmp_path / "cache", "http://other:password@mlflow:5000", "sentiment").find(ONE) == folder
    assert shelf.find(TWO) is None
    assert shelf.find(Version("1", "of a registry that began anew")) is None
    assert Shelf(tmp_path / "cache", "http://elsewhere:5000", "sentiment").find(ONE) is None
    assert Shelf(tmp_path / "cache", URI, "other").find(ONE) is None


def test_nobody_else_may_read_or_write_it(shelf: Shelf) -> None:
    shelf.put(ONE, fetch)
    assert shelf.folder.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("damage", ["changed", "missing", "added", "digests"])
def test_a_damaged_copy_is_dropped(shelf: Shelf, damage: str) -> None:
    folder = shelf.put(ONE, fetch)
    match damage:
        case "changed":
            (folder / "artifacts" / "weights").write_text("1 2 4")
        case "missing":
            (folder / "MLmodel").unlink()
        case "added":
            (folder / "sitecustomize.py").write_text("")
        case "digests":
            (folder.parent / "digests.json").write_text("{")
    assert shelf.find(ONE) is None
    assert everything(shelf) == set()


def test_a_fetch_that_fails_leaves_nothing(shelf: Shelf) -> None:
    with pytest.raises(ModelUnavailable, match="away"):
        shelf.put(ONE, refuse)
    assert everything(shelf) == set()


def test_of_two_workers_that_fetch_at_once_one_copy_stays(shelf: Shelf, tmp_path: Path) -> None:
    other = Shelf(tmp_path / "cache", URI, "sentiment")

    def overtaken(folder: Path) -> None:
        other.put(ONE, fetch)
        fetch(folder)

    assert shelf.put(ONE, overtaken) == other.find(ONE)
    assert everything(shelf) == {"1-aaa"}


def test_a_place_that_cannot_be_written_is_told_with_its_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelUnavailable, match="set WORKER_CACHE"):
        Shelf(tmp_path / "file", URI, "sentiment").put(ONE, fetch)


def test_the_last_two_that_served_well_are_kept(shelf: Shelf) -> None:
    for version in (ONE, TWO, THREE):
        shelf.put(version, fetch)
        shelf.keep(version)
        time.sleep(0.01)
    assert shelf.good() == [THREE, TWO]
    assert everything(shelf) == {"2-bbb", "3-ccc"}
    shelf.keep(TWO)
    assert shelf.good() == [TWO, THREE]


def test_a_version_that_never_served_is_not_good(shelf: Shelf) -> None:
    shelf.put(ONE, fetch)
    assert shelf.good() == []
    shelf.drop(ONE)
    assert everything(shelf) == set()


def test_what_a_killed_worker_left_is_cleared_away(shelf: Shelf) -> None:
    for name in (".half", ".fresh"):
        (shelf.folder / name).mkdir(parents=True)
    os.utime(shelf.folder / ".half", (0, 0))
    shelf.put(ONE, fetch)
    shelf.keep(ONE)
    assert everything(shelf) == {"1-aaa", ".fresh"}
