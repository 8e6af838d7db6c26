"""Which figures make a model's share, and how the model is called by itself."""

from dataclasses import dataclass

import pytest

from benchmarks import efficiency, in_process, plot
from benchmarks.efficiency import Efficiency, Turn

TURNS = [
    Turn("lr", {8: 100.0, 64: 200.0}, 150.0),
    Turn("lr", {8: 400.0, 64: 300.0}, 100.0),
    Turn("lr", {8: 200.0, 64: 220.0}, 176.0),
]


def test_a_share_is_of_the_best_in_its_own_turn() -> None:
    """0.75, 0.25 and 0.8; the medians' share would be 0.68."""
    found = efficiency.summary(TURNS, 1_000)
    assert found == Efficiency("lr", 1_000, batch=64, in_process=220.0, drained=150.0, share=0.75)


@dataclass(frozen=True)
class Encoded:
    text: str

    @property
    def tokens(self) -> int:
        return len(self.text)


class Model:
    """Notes the lengths of what it is given together."""

    def __init__(self, *, is_padded: bool) -> None:
        self.is_padded = is_padded
        self.batches: list[list[int]] = []

    def encode(self, texts: list[str]) -> list[Encoded]:
        return [Encoded(text) for text in texts]

    def classify(self, encoded: list[Encoded]) -> list[None]:
        self.batches.append([one.tokens for one in encoded])
        return [None] * len(encoded)


@pytest.mark.parametrize(
    ("is_padded", "batches"), [(True, [[1, 2], [3, 4], [5]]), (False, [[5, 1], [4, 2], [3]])]
)
def test_all_texts_are_answered_once_and_one_that_pads_gets_similar_lengths(is_padded, batches) -> None:
    model = Model(is_padded=is_padded)
    assert in_process.over_all(model, ["x" * length for length in (5, 1, 4, 2, 3)], 2) > 0
    # The first call is before the clock.
    assert model.batches[1:] == batches


def test_the_picture_says_the_share_and_what_it_is_of(tmp_path) -> None:
    plot.efficiency([efficiency.summary(TURNS, 1_000)], tmp_path / "picture.svg")
    picture = (tmp_path / "picture.svg").read_text("utf-8")
    assert ">75%<" in picture
    assert "150 of 220 texts a second" in picture
