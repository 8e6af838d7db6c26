"""Which trainings a comparison takes, in which order, and how long they will take."""

import pytest

from trainer.comparison.estimating import Took, left_s, told
from trainer.comparison.planning import Entry, Training, check, parts, planned
from trainer.data.rows import Row
from trainer.errors import BadRequest

from .conftest import opinions

TAUGHT = {"bilstm": {"teacher": "bert"}}


def test_small_parts_of_all_families_come_before_the_first_large_one():
    entry = Entry(families=("tfidf", "bert"), seeds=2)
    assert planned(entry, [0.03, 0.1, 0.3]) == [
        *(Training("tfidf", share, 0) for share in (0.03, 0.1)),
        *(Training("bert", share, 0) for share in (0.03, 0.1)),
        *(Training("tfidf", 0.3, 0), Training("tfidf", 1.0, 0), Training("tfidf", 1.0, 1)),
        *(Training("bert", 0.3, 0), Training("bert", 1.0, 0), Training("bert", 1.0, 1)),
    ]


def test_who_teaches_is_trained_before_who_learns_from_it():
    entry = Entry(families=("bilstm", "tfidf", "bert"), options=TAUGHT)
    assert [one.family for one in planned(entry, [0.1])] == ["tfidf", "bert", "bilstm"] * 2


@pytest.mark.parametrize("families", [("bilstm",), ("bilstm", "tfidf")])
def test_a_teacher_that_takes_no_part_is_asked_for(families):
    with pytest.raises(BadRequest, match="bert is to teach bilstm: name it as a --family"):
        check(Entry(families=families, options=TAUGHT))


def test_small_parts_of_a_learning_curve_lie_within_the_larger_ones_and_can_teach():
    rows = [Row(n, text, label) for n, (text, label) in enumerate(opinions(300))]
    found = parts(rows)
    assert [(share, len(part)) for share, part in found.items()] == [(0.1, 30), (0.3, 90), (1.0, 300)]
    assert set(found[0.1]) < set(found[0.3])
    assert found[1.0] == tuple(rows), "in the file's order, as `train` takes them"


@pytest.mark.parametrize(
    ("done", "coming", "seconds"),
    [
        ([], [100], None),
        ([Took(100, 10.0)], [100, 1000], 110.0),
        ([Took(100, 10.0), Took(300, 14.0)], [1000, 1000], 2 * (8.0 + 20.0)),
        ([Took(300, 14.0), Took(100, 10.0), Took(200, 90.0)], [1000], 28.0),
        ([Took(100, 10.0), Took(300, 9.0)], [1000], 9.0),
    ],
    ids=["nothing known", "one: all is the rows'", "a line", "the ends alone", "never falling"],
)
def test_the_time_left_is_told_from_the_trainings_before(done, coming, seconds):
    assert left_s(done, coming) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("seconds", "words"), [(5, "less than two minutes"), (600, "about 10 minutes"), (9000, "about 2.5 hours")]
)
def test_durations_are_told_as_people_say_them(seconds, words):
    assert told(seconds) == words
