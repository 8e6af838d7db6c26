"""Rows on disk are sequences like any other, leave nothing behind, and say so when there is no room."""

import csv
import resource
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.data.rows import Row
from trainer.data.stored import Chosen, Joint, Stored, Texts

from .conftest import opinions, write_csv

ROWS = [
    Row(1, "plain", "a"),
    Row(3, "", "b"),
    Row(4, "two\nlines, \U0001f642 שלום \x00", "a"),
    Row(9, "x" * 70_000, "c"),
]


def same(found, wanted):
    """Compare as sequences: all of them, one by one from either end, and parts."""
    assert len(found) == len(wanted)
    assert list(found) == wanted
    assert [found[place] for place in range(len(wanted))] == wanted
    assert [found[-place] for place in range(1, len(wanted) + 1)] == wanted[::-1]
    assert list(found[1:3]) == wanted[1:3]
    assert list(found[::-2]) == wanted[::-2]
    for outside in (len(wanted), -len(wanted) - 1):
        with pytest.raises(IndexError):
            found[outside]


def test_stored_rows_are_read_back_to_the_letter():
    same(Stored(iter(ROWS)), ROWS)
    same(Stored([]), [])
    same(Stored([Row(1, "", "a")]), [Row(1, "", "a")])


def test_rows_are_chosen_and_joined_by_their_places():
    stored = Stored(ROWS)
    same(Chosen(stored, np.array([3, 0])), [ROWS[3], ROWS[0]])
    same(Chosen(Chosen(stored, np.array([3, 0])), np.array([1])), [ROWS[0]])
    same(Joint(stored, [], Chosen(stored, np.array([1])), tuple(ROWS[2:])), [*ROWS, ROWS[1], *ROWS[2:]])
    same(Joint(), [])
    texts = Texts(Joint(stored, ROWS))
    assert list(texts) == [texts[place] for place in range(8)] == [row.text for row in (*ROWS, *ROWS)]
    assert texts[2:6:2] == [ROWS[2].text, ROWS[0].text]


@given(st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.text("ab", min_size=1))))
def test_whatever_is_stored_comes_back(pairs):
    rows = [Row(number, text, label) for number, (text, label) in enumerate(pairs)]
    assert list(Stored(rows)) == rows


def test_nothing_of_the_texts_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    stored = Stored(ROWS)
    assert list(tmp_path.iterdir()) == [], "while it is used it has no name"
    assert stored[0] == ROWS[0]


def limited(kind: int, size: int, code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run code in a process that the kernel allows no more than so many bytes."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)],
        preexec_fn=lambda: resource.setrlimit(kind, (size, size)),
        capture_output=True, text=True, timeout=170, check=False,
    )  # fmt: skip


def test_a_full_disk_is_told_in_one_sentence(tmp_path):
    data = write_csv(tmp_path / "data.csv", [*opinions(20), ("x" * 200_000, "positive")])
    read = "import sys; from trainer.__main__ import app; app(['profile', sys.argv[1]])"
    done = limited(resource.RLIMIT_FSIZE, 100_000, read, data)
    assert done.returncode == 1
    assert "data.csv: its rows cannot be laid by: File too large; TMPDIR names another folder" in done.stderr


#: Trains on few rows, allows itself a little more memory than that took, and trains on many.
TRAINS = """
import resource, sys, tempfile
from pathlib import Path

from trainer.data.files import Columns
from trainer.data.stored import Texts
from trainer.families import tfidf
from trainer.preparing import prepare

few, many, more = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])

def train(data):
    prepared = prepare(data, few, Columns())
    with tempfile.TemporaryDirectory() as folder:
        labels = [row.label for row in prepared.training]
        fitted = tfidf.train(Texts(prepared.training), labels, seed=0, folder=Path(folder))
    answers = fitted.probabilities([row.text for row in prepared.evaluation]).argmax(axis=1)
    right = [fitted.labels[place] == row.label for place, row in zip(answers, prepared.evaluation)]
    print(len(labels), sum(right) / len(right))

train(Path(sys.argv[4]))
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
allowed = int(status["VmData"].split()[0]) * 1024 + more
resource.setrlimit(resource.RLIMIT_DATA, (allowed, allowed))
train(many)
"""


def test_a_file_larger_than_memory_is_learnt_from(tmp_path):
    asked, few = (write_csv(tmp_path / f"{seed}.csv", opinions(200, seed=seed)) for seed in (1, 2))
    many = tmp_path / "many.csv"
    with many.open("w", newline="") as file:
        rows = ((f"{text}. " * 60, label) for text, label in opinions(5_000, seed=3))
        csv.writer(file).writerows([("text", "label"), *rows])
    size = many.stat().st_size
    assert size > 13e6
    more = str(size // 2)
    done = limited(resource.RLIMIT_CORE, 0, TRAINS, asked, many, more, few)
    assert done.returncode == 0, done.stderr[-2_000:]
    rows_learnt, accuracy = done.stdout.splitlines()[1].split()
    assert int(rows_learnt) == 5_000
    assert float(accuracy) > 0.95
