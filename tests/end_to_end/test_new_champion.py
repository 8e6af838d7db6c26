"""A new version goes live, and back, under requests that must not notice."""

import csv
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.end_to_end import direct
from tests.end_to_end.barometer import REPOSITORY, Barometer, environment
from tests.working import wait_for
from trainer.starter import CORPUS

TEXT = "The seats were fine, the coffee was not."


def trainer(barometer: Barometer, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "trainer", *arguments],
        check=False,
        env=environment(MLFLOW_TRACKING_URI=barometer.mlflow),
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def small_file(tmp_path: Path) -> Path:
    """Enough for a version that answers otherwise than the first."""
    with CORPUS.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))[:600]
    file = tmp_path / "small.csv"
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, ["text", "label"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return file


class Client(threading.Thread):
    """Sends the same text again and again, and keeps the answers."""

    def __init__(self, barometer: Barometer) -> None:
        super().__init__()
        self.barometer = barometer
        self.answers: list[dict] = []
        self.stop = threading.Event()
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            while not self.stop.is_set():
                self.answers.append(self.barometer.create(TEXT, prefer="wait"))
                self.stop.wait(0.01)
        except Exception as error:  # noqa: BLE001 - raised again by the test
            self.error = error

    def meets(self, version: str) -> None:
        """Wait until an answer comes from this version."""
        wait_for(lambda: self.error or (self.answers and self.answers[-1]["version"] == version), 30)


@contextmanager
def clients(barometer: Barometer, count: int) -> Iterator[list[Client]]:
    started = [Client(barometer) for _ in range(count)]
    for client in started:
        client.start()
    try:
        yield started
    finally:
        for client in started:
            client.stop.set()
        for client in started:
            client.join()


def test_a_new_champion_goes_live_and_back_without_an_error_and_results_name_their_version(
    barometer: Barometer, small_file: Path
) -> None:
    trainer(barometer, "train", "tfidf", "--data", str(small_file), "--no-promote")
    assert barometer.create(TEXT, prefer="wait")["version"] == "1"
    with clients(barometer, 3) as running:
        try:
            trainer(barometer, "promote", "2", "--force", "--reason", "to see it go live")
            for client in running:
                client.meets("2")
        finally:
            trainer(barometer, "rollback")
        for client in running:
            client.meets("1")

    assert [client.error for client in running] == [None] * 3
    scores = defaultdict(set)
    for client in running:
        assert {answer["status"] for answer in client.answers} == {"succeeded"}
        order = [answer["version"] for answer in client.answers]
        assert "".join(order).strip("1").strip("2") == "", "it went there once and came back once"
        for answer in client.answers:
            scores[answer["version"]].add(answer["output"]["score"])
    for version in ("1", "2"):
        [said] = direct.ask(barometer.mlflow, f"models:/sentiment/{version}", [TEXT])
        assert max(abs(score - said["score"]) for score in scores[version]) < 1e-9
    assert scores["1"].isdisjoint(scores["2"])
