"""The champion under a real MLflow: followed, refused, remembered, and never lost."""

import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from redis import Redis

from contract import keys
from tests.worker.registering import CODE, CODE_THAT_NEEDS_MLFLOW, Mlflow, canaries
from tests.working import wait_for
from worker import loading
from worker.announcing import Announcer, connect
from worker.champion import Champion
from worker.registry import Registry
from worker.shelf import Shelf
from worker.versions import Versions

QUICK, NEVER = timedelta(milliseconds=50), timedelta(hours=1)

_names = count()


@pytest.fixture
def name() -> str:
    """A model that nobody has registered."""
    return f"model{next(_names)}"


@pytest.fixture
def start(mlflow: Mlflow, name: str, tmp_path: Path, redis_url: str) -> Iterator[Callable[..., Champion]]:
    """Start a worker's champion, as often as a test likes, on one cache."""
    stops, started = [], []

    def start(poll: timedelta = QUICK, redis: str = redis_url) -> Champion:
        stop = threading.Event()
        versions = Versions(
            Registry(mlflow.url, name, stop), Shelf(tmp_path / "cache", mlflow.url, name), {"device": "cpu"}
        )
        announcer = Announcer(connect(redis), name, f"worker-{len(started) + 1}")
        champion = Champion(versions, poll, stop, announcer)
        stops.append(stop)
        started.append(champion)
        return champion

    yield start
    for stop, champion in zip(stops, started, strict=True):
        stop.set()
        champion.reload()
    for thread in threading.enumerate():
        if thread.name == "champion":
            thread.join(20)
    loading.forget(tmp_path)


@contextmanager
def serving(champion: Champion) -> Iterator[Champion]:
    assert champion.wait() is not None
    champion.follow()
    yield champion


def serves(champion: Champion, version: str) -> None:
    wait_for(lambda: champion.current().version == version)


def score(champion: Champion) -> float:
    return champion.current().predict(["bad"])[0].score


def test_a_worker_waits_for_a_champion_and_then_follows_it(mlflow, name, start) -> None:
    mlflow.register(name)
    champion = start()
    waiting = threading.Thread(target=champion.wait)
    waiting.start()
    waiting.join(0.3)
    assert waiting.is_alive(), "there is a version, but no champion"
    mlflow.promote(name, "1")
    waiting.join(20)
    assert (champion.current().version, score(champion)) == ("1", 0.9)

    mlflow.register(name, negative=0.7)
    champion.follow()
    mlflow.promote(name, "2")
    serves(champion, "2")
    assert (score(champion), champion.swaps) == (0.7, 1)


def test_a_version_that_answers_otherwise_than_registered_is_refused_once(
    mlflow, name, start, caplog
) -> None:
    mlflow.register(name)
    mlflow.register(name, canary=canaries(0.8))
    mlflow.promote(name, "1")
    with serving(start()) as champion:
        mlflow.promote(name, "2")
        wait_for(lambda: champion.refusals["canary"] == 1)
        champion._stop.wait(0.5)
        assert champion.refusals == {"canary": 1}, "not on each poll"
        assert (champion.current().version, score(champion)) == ("1", 0.9)
        [refused] = [record for record in caplog.records if record.message == "model.refused"]
        assert (refused.version, refused.reason, refused.serving) == ("2", "canary", "1")

        mlflow.promote(name, "1")
        champion._stop.wait(0.3)
        mlflow.promote(name, "2")
        wait_for(lambda: champion.refusals["canary"] == 2)
        champion.reload()
        wait_for(lambda: champion.refusals["canary"] == 3)
        assert champion.current().version == "1"


def test_a_worker_serves_on_while_mlflow_is_away(mlflow, name, start) -> None:
    mlflow.register(name)
    mlflow.register(name, negative=0.7)
    mlflow.promote(name, "1")
    with serving(start()) as champion:
        with mlflow.away():
            mlflow.promote(name, "2")
            champion._stop.wait(0.3)
            assert (champion.current().version, score(champion)) == ("1", 0.9)
        serves(champion, "2")


def test_a_worker_that_starts_while_mlflow_is_away_serves_the_last_good_version_and_then_follows(
    mlflow, name, start, caplog
) -> None:
    mlflow.register(name)
    mlflow.register(name, negative=0.7)
    mlflow.promote(name, "1")
    start().wait()
    fetched = mlflow.fetched
    with mlflow.away():
        mlflow.promote(name, "2")
        with serving(start()) as champion:
            assert (champion.current().version, score(champion)) == ("1", 0.9)
            assert mlflow.fetched == fetched
            assert "model.last_good" in caplog.messages
    serves(champion, "2")


def test_a_worker_that_has_never_served_waits_while_mlflow_is_away(mlflow, name, start) -> None:
    mlflow.register(name)
    mlflow.promote(name, "1")
    champion = start()
    with mlflow.away():
        waiting = threading.Thread(target=champion.wait)
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive()
    waiting.join(20)
    assert champion.current().version == "1"


def test_a_start_with_a_broken_champion_serves_the_last_good_version(mlflow, name, start) -> None:
    mlflow.register(name)
    mlflow.register(name, on_load="raise OSError")
    mlflow.promote(name, "1")
    start().wait()
    mlflow.promote(name, "2")
    with serving(start()) as champion:
        assert champion.current().version == "1"
        assert champion.refusals == {"load": 1}


def test_a_version_on_disk_is_not_fetched_again_unless_it_is_damaged(mlflow, name, start, tmp_path) -> None:
    mlflow.register(name)
    mlflow.promote(name, "1")
    start().wait()
    fetched = mlflow.fetched
    start().wait()
    assert mlflow.fetched == fetched
    [told] = (tmp_path / "cache").rglob("told.json")
    told.write_text("{}")
    assert score_of(start().wait()) == 0.9
    assert mlflow.fetched > fetched


def told(redis_url: str) -> list[tuple[str, ...]]:
    """What the others were told, in order: what happened, of which version, by whom, and why."""
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        events = [fields for _, fields in redis.xrange(keys.EVENTS)]
    return [(e["type"], e["version"], e["worker"], e["reason"]) for e in events]


def test_a_refusal_is_told_once_and_so_is_the_way_back(mlflow, name, start, redis_url) -> None:
    mlflow.register(name)
    mlflow.register(name, canary=canaries(0.8))
    mlflow.register(name, negative=0.7)
    mlflow.promote(name, "1")
    expected = [("model.serving", "1", "worker-1", "")]
    with serving(start()) as champion:
        for version, type, reason in (
            ("2", "model.refused", "canary"),
            ("1", "model.serving", ""),
            ("2", "model.refused", "canary"),
            ("3", "model.serving", ""),
        ):
            mlflow.promote(name, version)
            expected.append((type, version, "worker-1", reason))
            wait_for(lambda: told(redis_url) == expected)
            champion._stop.wait(0.2)
            assert told(redis_url) == expected, "not on each poll"


def test_the_last_good_version_in_place_of_a_refused_champion_is_not_told_as_serving(
    mlflow, name, start, redis_url
) -> None:
    mlflow.register(name)
    mlflow.register(name, on_load="raise OSError")
    mlflow.promote(name, "1")
    start().wait()
    mlflow.promote(name, "2")
    with serving(start()) as champion:
        assert champion.current().version == "1"
        mlflow.promote(name, "1")
        expected = [
            ("model.serving", "1", "worker-1", ""),
            ("model.refused", "2", "worker-2", "load"),
            ("model.serving", "1", "worker-2", ""),
        ]
        wait_for(lambda: len(told(redis_url)) >= len(expected))
        assert told(redis_url) == expected


def test_a_swap_does_not_wait_for_redis(mlflow, name, start) -> None:
    mlflow.register(name)
    mlflow.register(name, negative=0.7)
    mlflow.promote(name, "1")
    with serving(start(redis="redis://127.0.0.1:1/0")) as champion:
        mlflow.promote(name, "2")
        serves(champion, "2")


def score_of(model) -> float:
    return model.predict(["bad"])[0].score


def test_reload_looks_at_once(mlflow, name, start) -> None:
    mlflow.register(name)
    mlflow.register(name, negative=0.7)
    mlflow.promote(name, "1")
    with serving(start(NEVER)) as champion:
        mlflow.promote(name, "2")
        champion.reload()
        serves(champion, "2")


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@pytest.mark.parametrize(
    ("code", "swaps"), [(CODE, 50), (CODE_THAT_NEEDS_MLFLOW, 25)], ids=["directly", "through MLflow"]
)
def test_many_swaps_leave_no_memory_no_module_and_no_file_behind(
    mlflow, name, start, tmp_path, monkeypatch, code, swaps
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    ballast = 20 * 2**20
    mlflow.register(name, code, ballast=ballast)
    mlflow.register(name, code, ballast=ballast, negative=0.7)
    mlflow.promote(name, "1")
    with serving(start(NEVER)) as champion:

        def swap(times: int) -> None:
            for _ in range(times):
                version = "2" if champion.current().version == "1" else "1"
                mlflow.promote(name, version)
                champion.reload()
                serves(champion, version)

        swap(6)
        before = resident_mb(), len(sys.modules), list(sys.path)
        swap(swaps)
        after = resident_mb(), len(sys.modules), list(sys.path)
        assert champion.swaps == 6 + swaps
    # One leaked model in ten would be 50 MB and more.
    assert after[0] - before[0] < 40
    assert after[1:] == before[1:]
    assert list(temporary.iterdir()) == []
