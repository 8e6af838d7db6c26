"""English sentences that teach what the behaviour cases ask: rows to train on beside one's own.

Their frames are none of the cases', so that what is asked is not what was taught word for word; adjectives
are common ones, and some are in both. What they change was measured (docs/experiments.md). Pure, and the
same rows each time.
"""

from collections.abc import Iterator
from itertools import cycle

from trainer.behaviour.cases import NEGATIVE, POSITIVE

LANGUAGE = "en"
LABELS = (NEGATIVE, POSITIVE)

_GOOD = (
    "good", "great", "excellent", "wonderful", "nice", "lovely", "fantastic", "brilliant", "superb",
    "amazing", "pleasant", "enjoyable", "helpful", "friendly", "useful", "tasty", "charming", "impressive",
    "reliable", "clean",
)  # fmt: skip
_BAD = (
    "bad", "terrible", "awful", "boring", "horrible", "dreadful", "poor", "disappointing", "slow", "rude",
    "useless", "dirty", "annoying", "noisy", "dull", "ugly", "weak", "broken", "painful", "sad",
)  # fmt: skip
_THINGS = (
    "book", "room", "train", "dinner", "show", "laptop", "song", "game", "staff", "tour", "shop", "coffee",
    "course", "update", "camera", "sofa", "garden",
)  # fmt: skip

#: How often each word is taught in each frame, of another thing each time: once hardly shows.
TIMES = 3

#: With a good word and with a bad one in its place, and the label of each.
_FRAMES = (
    ("honestly, the {thing} wasn't {word}", NEGATIVE, POSITIVE),
    ("not {word} at all, this {thing}", NEGATIVE, POSITIVE),
    ("the {thing} is not that {word}", NEGATIVE, POSITIVE),
    ("we found nothing {word} in this {thing}", NEGATIVE, POSITIVE),
    ("never {word}, that {thing}", NEGATIVE, POSITIVE),
    ("I expected it to be {opposite}, but the {thing} turned out {word}", POSITIVE, NEGATIVE),
    ("once {opposite}, the {thing} has become {word}", POSITIVE, NEGATIVE),
    ("it used to be {opposite}, these days the {thing} is {word}", POSITIVE, NEGATIVE),
    ("a really {word} {thing}", POSITIVE, NEGATIVE),
    ("an extremely {word} {thing}, absolutely {word}", POSITIVE, NEGATIVE),
)


def lessons() -> Iterator[tuple[str, str]]:
    """Yield texts with their labels, half of them negative."""
    things = cycle(_THINGS)
    pairs = list(zip(_GOOD, _BAD, strict=True)) * TIMES
    for frame, label_of_good, label_of_bad in _FRAMES:
        for good, bad in pairs:
            yield frame.format(thing=next(things), word=good, opposite=bad), label_of_good
            yield frame.format(thing=next(things), word=bad, opposite=good), label_of_bad
