"""The matrix in files is scikit-learn's own, and features are counted in as much memory as is allowed."""

import random
from collections import Counter

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer

from trainer.errors import BadData
from trainer.families import tfidf_matrix

from .conftest import opinions

TEXTS = [text for text, _ in opinions(1_500)]


def built(texts, *, most=100_000, least=2):
    known = tfidf_matrix.vocabulary(texts, str.split, most=most, least=least)
    return known, tfidf_matrix.matrix(texts, str.split, known)


@pytest.mark.parametrize("small", [2**31, 1_000], ids=["32 bits", "64 bits"])
def test_it_is_what_scikit_learn_makes_of_all_texts_at_once(monkeypatch, small):
    monkeypatch.setattr(tfidf_matrix, "_SMALL", small)
    peer = TfidfVectorizer(analyzer=str.split, sublinear_tf=True, min_df=2)
    wanted = peer.fit_transform(TEXTS)
    known, found = built(TEXTS)
    assert found.indices.dtype == found.indptr.dtype == (np.int32 if small == 2**31 else np.int64)
    assert known.features == peer.get_feature_names_out().tolist()
    assert np.array_equal(known.idf, peer.idf_)
    # The last bit depends on the order in which a row's squares were added.
    assert abs(csr_matrix(found) - wanted).max() < 1e-15


def test_the_features_of_most_texts_are_kept_in_the_alphabet_s_order():
    texts = ["b a", "b a", "b c", "c d", "e"]
    known, _ = built(texts, most=3)
    assert known.features == ["a", "b", "c"]
    assert known.counts.tolist() == [2, 3, 2]
    assert built(texts, most=1)[0].features == ["b"]


def test_texts_without_a_feature_are_empty_rows():
    _, found = built(["one two", "", "one two", "three"])
    assert np.diff(found.indptr).tolist() == [2, 0, 2, 0]
    assert found.shape == (4, 2)


def test_nothing_in_common_is_refused():
    with pytest.raises(BadData, match="no word in common"):
        built(["one", "two"])


def test_counting_takes_no_more_room_than_it_is_given_and_forgets_nothing_common():
    chance = random.Random(0)
    # Every other word is new, the others are of ten.
    texts = [[f"new {number}", f"old {chance.randrange(10)}"] for number in range(20_000)]
    exact = Counter(word for text in texts for word in text)
    found = tfidf_matrix.counted(texts, room=500)
    assert len(found) <= 500
    for word, count in exact.items():
        if word.startswith("old"):
            # Forgotten at a count of 1, about every 500 words: never of these, once they occur twice.
            assert count - 2 <= found[word] <= count


def test_a_text_counts_a_word_once():
    assert tfidf_matrix.counted([["a", "a", "b"], ["a"]], room=10) == {"a": 2, "b": 1}
