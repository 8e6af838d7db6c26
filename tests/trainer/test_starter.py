"""The packaged corpus is what its datasheet says."""

import csv
import re
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from trainer.starter import CORPUS

SHARED = Path(__file__).parents[3] / "shared" / "data"


def words(text: str) -> str:
    return " ".join(re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold()))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def corpus() -> list[dict[str, str]]:
    return rows(CORPUS)


def test_it_is_large_and_balanced(corpus: list[dict[str, str]]) -> None:
    assert Counter(row["label"] for row in corpus) == {"negative": 7299, "positive": 7299}


def test_every_field_has_both_labels_in_about_equal_parts(corpus: list[dict[str, str]]) -> None:
    for domain, count in Counter(row["domain"] for row in corpus).items():
        positive = sum(row["label"] == "positive" for row in corpus if row["domain"] == domain)
        assert 0.48 < positive / count < 0.52, domain


def test_no_message_comes_twice_whatever_its_case_and_signs(corpus: list[dict[str, str]]) -> None:
    seen = Counter(words(row["text"]) or row["text"] for row in corpus)
    assert [text for text, count in seen.items() if count > 1] == []


def test_messages_have_1_to_60_words_on_one_line(corpus: list[dict[str, str]]) -> None:
    assert all(1 <= len(row["text"].split()) <= 60 for row in corpus)
    assert not [row for row in corpus if re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffd]", row["text"])]


def test_it_is_not_made_from_templates(corpus: list[dict[str, str]]) -> None:
    texts = [words(row["text"]).split() for row in corpus]
    starts = Counter(" ".join(text[:4]) for text in texts if len(text) > 4)
    assert sum(count for count in starts.values() if count > 1) / len(corpus) < 0.1
    assert starts.most_common(1)[0][1] <= 12


@pytest.mark.skipif(not SHARED.is_dir(), reason="the measuring data are not beside the checkout")
def test_it_holds_no_sentence_of_the_sets_it_is_measured_on(corpus: list[dict[str, str]]) -> None:
    measured = {words(row["text"]) for path in SHARED.glob("*.csv") for row in rows(path)}
    ours = [words(row["text"]) for row in corpus]
    assert [text for text in ours if text in measured and len(text.split()) > 3] == []
