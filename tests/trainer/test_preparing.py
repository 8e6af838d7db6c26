import pytest

from trainer.data.cleaning import clean
from trainer.data.files import Columns
from trainer.data.rows import Row, digest
from trainer.data.split import EVALUATION_SHARE, split
from trainer.errors import BadData, BadRequest
from trainer.preparing import prepare

from .conftest import opinions, write_csv


def rows(*pairs):
    return [Row(number, text, label) for number, (text, label) in enumerate(pairs, start=1)]


ENOUGH = [(f"text {number}", ("a", "b")[number % 2]) for number in range(20)]


def test_a_repeated_row_is_kept_once_in_its_first_place_and_counted():
    cleaned = clean(rows(*ENOUGH, ENOUGH[3], ENOUGH[3]))
    assert [(row.text, row.label) for row in cleaned.rows] == ENOUGH
    assert (cleaned.repeated, cleaned.contradictory) == (2, 0)


def test_a_text_with_two_labels_is_left_out_altogether_and_counted():
    cleaned = clean(rows(*ENOUGH, ("torn", "a"), ("torn", "b"), ("torn", "a")))
    assert [(row.text, row.label) for row in cleaned.rows] == ENOUGH
    assert (cleaned.repeated, cleaned.contradictory) == (0, 3)


@pytest.mark.parametrize(
    ("pairs", "sentence"),
    [
        ([], "there are no rows"),
        ([*ENOUGH, (" \n", "a")], "row 21 has no text"),
        ([*ENOUGH, ("fine", " ")], "row 21 has no label"),
        ([(text, "a") for text, _ in ENOUGH], "there is only one label, 'a'"),
        ([*ENOUGH, ("one", "c"), ("two", "c")], "too few rows are labelled 'c': each label needs at least 5"),
        (
            [*ENOUGH, *((f"more {n}", "A ") for n in range(5))],
            "the labels 'A ', 'a' differ in case or blanks only",
        ),
        ([("torn", "a"), ("torn", "b")], "every text bears more than one label"),
        ([(f"text {n}", f"label {n}") for n in range(9)], "'label 4' and 4 more"),
    ],
)
def test_rows_that_teach_nothing_are_refused_in_one_sentence(pairs, sentence):
    with pytest.raises(BadData) as caught:
        clean(rows(*pairs))
    assert sentence in str(caught.value)


def test_no_row_changes_side_when_rows_are_added():
    few, many = split(rows(*opinions(400))), split(rows(*opinions(400), *opinions(400, seed=1)))
    assert {row.text for row in few.training} <= {row.text for row in many.training}
    assert {row.text for row in few.evaluation} <= {row.text for row in many.evaluation}


def test_the_sides_hold_every_row_once_and_the_labels_alike():
    everything = rows(*opinions(4000))
    sides = split(everything)
    assert sorted([*sides.training, *sides.evaluation], key=lambda row: row.number) == everything
    for label in ("negative", "positive"):
        share = sum(row.label == label for row in sides.evaluation) / 2000
        assert share == pytest.approx(EVALUATION_SHARE, abs=0.03)


def test_of_very_many_rows_to_measure_on_the_same_few_are_asked_and_the_others_learnt_from_by_nobody():
    everything = rows(*opinions(4000))
    whole, capped = split(everything), split(everything, most=100)
    assert list(capped.training) == list(whole.training)
    assert len(capped.evaluation) == 100
    assert capped.spared == len(whole.evaluation) - 100 > 500
    assert {row.text for row in capped.evaluation} <= {row.text for row in whole.evaluation}
    numbers = [row.number for row in capped.evaluation]
    assert numbers == sorted(numbers)
    assert list(split(everything[::-1], most=100).evaluation) == list(capped.evaluation)[::-1]


def test_texts_that_read_the_same_share_one_side():
    spellings = [f"{a}Great  News number {n}{b}" for n in range(50) for a, b in (("", ""), (" ", "\n"))]
    sides = split(rows(*((text, "a") for text in (*spellings, *map(str.upper, spellings)))))
    trained = {" ".join(row.text.casefold().split()) for row in sides.training}
    measured = {" ".join(row.text.casefold().split()) for row in sides.evaluation}
    assert measured
    assert not trained & measured


def test_rows_of_the_evaluation_file_are_taken_out_of_training_and_counted(tmp_path):
    shared = [(text.upper(), label) for text, label in opinions(20)]
    prepared = prepare(
        write_csv(tmp_path / "data.csv", opinions(100)),
        write_csv(tmp_path / "evaluation.csv", shared),
        Columns(),
    )
    assert (len(prepared.training), len(prepared.evaluation), prepared.leaked) == (80, 20, 20)


def test_evaluation_labels_that_are_not_taught_are_refused(tmp_path):
    other = [(f"text {n}", ("meh", "wow")[n % 2]) for n in range(20)]
    with pytest.raises(
        BadData, match="rows to evaluate on are labelled 'meh', 'wow', which no row to train on is"
    ):
        prepare(write_csv(tmp_path / "a.csv", opinions(100)), write_csv(tmp_path / "b.csv", other), Columns())


def test_the_digest_of_rows_ignores_their_order_but_no_letter():
    assert digest(rows(*ENOUGH)) == digest(rows(*reversed(ENOUGH)))
    assert digest(rows(*ENOUGH)) != digest(rows(*ENOUGH[:-1], ("text 19 ", "b")))
    assert digest(rows(("a", "b c"))) != digest(rows(("a b", "c")))


def test_lessons_are_learnt_from_and_never_measured_on(tmp_path):
    data = write_csv(tmp_path / "data.csv", opinions(300))
    plain, taught = (prepare(data, None, Columns(), lessons=wanted) for wanted in (False, True))
    assert taught.evaluation == plain.evaluation
    assert taught.training[: len(plain.training)] == tuple(plain.training)
    assert len(taught.training) - len(plain.training) == taught.lessons > 1000
    assert plain.lessons == 0


def test_lessons_for_other_labels_are_refused(tmp_path):
    stars = [(text, {"positive": "5", "negative": "1"}[label]) for text, label in opinions(300)]
    data = write_csv(tmp_path / "stars.csv", stars)
    with pytest.raises(BadRequest, match="teach negative and positive"):
        prepare(data, None, Columns(), lessons=True)


def test_a_label_that_is_not_taught_is_named_with_its_row(tmp_path):
    data = write_csv(tmp_path / "data.csv", opinions(100))
    other = write_csv(
        tmp_path / "other.csv", [*opinions(10, seed=5), *((f"so so {n}", "mixed") for n in range(5))]
    )
    with pytest.raises(BadData, match=r"labelled 'mixed'.*the first is row 11 of other\.csv"):
        prepare(data, other, Columns())
