"""The comparison with registration, on values only."""

import json
import math

import pytest

from contract.labels import Answer
from worker import canary
from worker.canary import Canary


def answer(**scores: float) -> Answer:
    label = max(scores, key=scores.__getitem__)
    return Answer(label, scores[label], scores)


THEN = [Canary("a", {"no": 0.25, "yes": 0.75}), Canary("b", {"no": 0.5, "yes": 0.5})]


def test_the_greatest_difference_of_any_label_and_text_counts() -> None:
    now = [answer(no=0.25, yes=0.75), answer(no=0.4, yes=0.6)]
    assert canary.difference(THEN, now) == pytest.approx(0.1)
    assert canary.difference(THEN, [answer(yes=0.75, no=0.25), answer(no=0.5, yes=0.5)]) == 0


@pytest.mark.parametrize(
    "now",
    [
        [answer(no=0.25, yes=0.75)],
        [answer(no=0.25, yes=0.75), answer(no=0.5, perhaps=0.5)],
        [answer(no=0.25, yes=0.75), answer(no=0.5, yes=0.5, perhaps=0.0)],
        [answer(no=0.25, yes=0.75), answer(no=math.nan, yes=0.5)],
    ],
    ids=["an answer missing", "another label", "a label more", "no number"],
)
def test_answers_that_cannot_be_compared_are_infinitely_far(now: list[Answer]) -> None:
    assert canary.difference(THEN, now) == math.inf


def test_the_set_is_read_as_the_trainer_writes_it(tmp_path) -> None:
    file = tmp_path / "canary.json"
    file.write_text(json.dumps([{"text": "a", "scores": {"no": 0.25, "yes": 0.75}}]))
    assert canary.read(file) == THEN[:1]
