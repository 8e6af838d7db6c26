"""What the families share in learning, each part for itself: no torch, no TensorFlow."""

import random
from collections import Counter

import numpy as np
import pytest

from trainer.errors import BadData, BadRequest
from trainer.families import bilstm, bucketing, holdout, options, stopping, word_vectors

from .conftest import opinions

ROWS = opinions(1000)
TEXTS, LABELS = [text for text, _ in ROWS], [label for _, label in ROWS]


def test_about_the_wanted_share_watches_and_nobody_does_both():
    parts = holdout.sides(TEXTS, LABELS, 0.1)
    assert sorted(parts.teaching + parts.watching) == list(range(1000))
    assert 70 < len(parts.watching) < 130
    watching = Counter(LABELS[place] for place in parts.watching)
    assert min(watching.values()) > 30


def test_rows_that_are_added_move_none_from_side_to_side():
    before = {TEXTS[place] for place in holdout.sides(TEXTS[:600], LABELS[:600], 0.1).watching}
    after = {TEXTS[place] for place in holdout.sides(TEXTS, LABELS, 0.1).watching}
    assert len(before - after) <= 2


def test_texts_that_read_the_same_watch_together():
    texts = [text for text in TEXTS for text in (text, f"  {text.upper()} ")]
    watching = set(holdout.sides(texts, ["a", "b"] * 1000, 0.1).watching)
    apart = [place for place in range(0, 2000, 2) if (place in watching) != (place + 1 in watching)]
    # But for the rows that each label is guaranteed.
    assert len(apart) <= 4


def test_a_rare_label_both_teaches_and_watches():
    labels = ["rare" if number in {3, 700} else "common" for number in range(1000)]
    parts = holdout.sides(TEXTS, labels, 0.01)
    for side in (parts.teaching, parts.watching):
        assert {labels[place] for place in side} == {"rare", "common"}


def test_an_order_reads_each_text_once_and_similar_lengths_together():
    chance = random.Random(0)
    lengths = [chance.randrange(1, 100) for _ in range(5003)]
    order = bucketing.order(lengths, 32, seed=0, epoch=0)
    assert sorted(order) == list(range(5003))
    batches = [[lengths[place] for place in order[start : start + 32]] for start in range(0, 5003, 32)]
    assert sum(max(batch) * len(batch) for batch in batches) < 1.1 * sum(lengths)
    # The batches themselves come in no order of length.
    tops = [max(batch) for batch in batches[:40]]
    assert tops != sorted(tops)
    assert tops != sorted(tops, reverse=True)


def test_seed_and_epoch_alone_decide_the_order():
    def order(seed, epoch):
        return bucketing.order(range(1, 500), 8, seed=seed, epoch=epoch)

    assert order(0, 1) == order(0, 1)
    assert len({tuple(order(*which)) for which in ((0, 0), (0, 1), (1, 0), (1, 1))}) == 4


def looks(*figures):
    return [stopping.Look(epoch, f1, loss) for epoch, (f1, loss) in enumerate(figures, start=1)]


def test_the_best_look_is_of_the_highest_f1_then_of_the_lowest_loss_then_the_first():
    assert stopping.best(looks((0.7, 1), (0.9, 2), (0.8, 0.1))).epoch == 2
    assert stopping.best(looks((0.9, 2), (0.9, 1), (0.9, 1))).epoch == 2
    assert stopping.best([]) is None


def test_it_is_over_when_nothing_was_better_for_so_many_looks():
    falling = looks((0.9, 1), (0.8, 1), (0.8, 1))
    assert not stopping.is_over(falling[:2], 2)
    assert stopping.is_over(falling, 2)
    assert not stopping.is_over(looks((0.9, 1), (0.8, 1), (0.91, 1)), 2)
    assert not stopping.is_over([], 1)


def test_options_come_as_text_or_as_numbers():
    wanted = options.read(bilstm.Options, {"epochs": "3", "dropout": 0.25}, "bilstm")
    assert (wanted.epochs, wanted.dropout, wanted.batch) == (3, 0.25, 64)


@pytest.mark.parametrize(("name", "value"), [("epochs", "0"), ("epochs", "few"), ("dropout", "1.5")])
def test_an_option_that_makes_no_sense_is_named(name, value):
    with pytest.raises(BadRequest, match=f"^the options of bilstm are wrong: {name}: Input should be"):
        options.read(bilstm.Options, {name: value}, "bilstm")


def test_a_missing_package_is_named_with_what_to_install():
    with pytest.raises(BadRequest, match=r"training it needs no_such_one: pip install 'barometer\[bert\]'"):
        options.need(("json", "no_such_one"), "it", "bert")


def test_a_vocabulary_holds_the_commonest_words_and_none_too_seldom(mlflow_imported):
    wanted = options.read(bilstm.Options, {"words": 3}, "bilstm")
    assert bilstm.vocabulary(["B, a! a", "c b a", "d c"], wanted) == ["a", "b", "c"]
    with pytest.raises(BadData, match="no word in common"):
        bilstm.vocabulary(["a b", "c d"], wanted)


@pytest.mark.parametrize("header", ["", "3 2\n"], ids=["GloVe", "fastText"])
def test_vectors_are_read_for_the_words_wanted(tmp_path, header):
    path = tmp_path / "vectors.txt"
    path.write_text(f"{header}good 1 2\n. . . 7 8\nbad -1 0.5\n", "utf-8")
    found = word_vectors.read(path, ["good", "bad", "absent", "."])
    assert {word: vector.tolist() for word, vector in found.items()} == {"good": [1, 2], "bad": [-1, 0.5]}
    assert found["good"].dtype == np.float32


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("good 1 2\nbad 1\n", "line 2 of vectors.txt has not 2 numbers after its word"),
        ("good 1 2\nbad 1 x\n", "line 2 of vectors.txt is no word with numbers"),
        ("other 1 2\n", "has no vector for any word"),
        (None, "the vectors cannot be read: No such file"),
    ],
)
def test_a_file_that_holds_no_vectors_is_told_by_line(tmp_path, content, sentence):
    path = tmp_path / "vectors.txt"
    if content is not None:
        path.write_text(content, "utf-8")
    with pytest.raises(BadRequest, match=sentence):
        word_vectors.read(path, ["good", "bad"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It isn't, is n't ISN’T.", ["it", "is", "nt", "is", "nt", "is", "nt"]),
        ("James's dogs' toys: we've \"can't\"", ["james", "s", "dogs", "toys", "we", "ve", "ca", "nt"]),
        ("'quoted' rock'n'roll qu'il n'est", ["quoted", "rocknroll", "quil", "nest"]),
        ("...  !!", []),
    ],
)
def test_contractions_are_cut_so_that_there_is_one_not(mlflow_imported, text, words):
    from trainer.families.bilstm_model import plain_words

    found = list(plain_words(text))
    assert [plain for plain, _, _ in found] == words
    for plain, start, end in found:
        assert "".join(filter(str.isalpha, text[start:end])).lower() == plain
