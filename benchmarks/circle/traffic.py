"""What people write in the story of the circle, and what they mean by it. Pure: a seed in, texts out.

Ordinary texts are rows of the packaged corpus that no model was trained on. All others are made here, and
each is another one, also to the trainer, which tells near duplicates by their words.
"""

import csv
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle

from trainer.data.split import is_for_evaluation
from trainer.starter import CORPUS

#: Words that every model of the corpus knows.
GOOD = ("great", "lovely", "excellent", "wonderful", "perfect", "brilliant", "delicious", "friendly")
BAD = ("awful", "terrible", "rude", "horrible", "broken", "dirty", "disappointing", "disgusting")
#: Words that the corpus does not know, or not so: another generation's.
NEW_GOOD = ("bussin", "goated", "zesty", "peng", "lush", "banging", "dench", "snatched")
NEW_BAD = ("cheugy", "skanky", "minging", "janky", "clapped", "busted", "peak", "sus")
THINGS = ("food", "room", "staff", "coffee", "film", "delivery", "app", "flight", "hotel", "soup")
#: As the cases are written in which every model is examined (trainer/behaviour).
PLAIN = ("The {thing} {place} was {first} and {second}, visit {number}.",)
FRAMES = (
    "{thing} {place}: {first}, {second}, visit {number}",
    "{first} {thing} {place}, {second} even, no. {number}",
    "{number}: {second} and {first} {thing} {place}",
    "{place} {thing} number {number}, {first}! {second}!",
)
PLACES = ("in the hall", "by the door", "at the desk", "upstairs", "on the terrace", "in the bar")


@dataclass(frozen=True, slots=True)
class Opinion:
    """A text, and what its writer means by it."""

    text: str
    label: str


def ordinary(seed: int) -> Iterator[Opinion]:
    """Yield what people have always written, without end."""
    with CORPUS.open(encoding="utf-8", newline="") as lines:
        rows = [Opinion(row["text"], row["label"]) for row in csv.DictReader(lines)]
    unseen = [row for row in rows if is_for_evaluation(row.text)]
    random.Random(seed).shuffle(unseen)
    return cycle(unseen)


def in_new_words(seed: int) -> Iterator[Opinion]:
    """Yield what people write when the words have changed: three in four are new ones."""
    chance, old, new = random.Random(seed), ordinary(seed), _made(FRAMES, NEW_GOOD, NEW_BAD, seed)
    while True:
        yield next(new if chance.random() < 0.75 else old)


def in_plain_words(seed: int) -> Iterator[Opinion]:
    """Yield simple opinions that no model gets wrong."""
    return _made(PLAIN, GOOD, BAD, seed)


def _made(frames: Sequence[str], good: Sequence[str], bad: Sequence[str], seed: int) -> Iterator[Opinion]:
    chance = random.Random(seed)
    number = 0
    while True:
        number += 1
        label = chance.choice(("negative", "positive"))
        first, second = chance.sample(good if label == "positive" else bad, 2)
        words = {"first": first, "second": second, "number": f"{seed}{number:05d}"}
        words |= {"thing": chance.choice(THINGS), "place": chance.choice(PLACES)}
        yield Opinion(chance.choice(frames).format(**words), label)
