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
_LIKED = ("adore", "appreciate", "admire", "recommend", "cherish", "treasure", "praise", "value")
_HATED = ("despise", "detest", "loathe", "resent", "dread", "avoid", "mistrust", "scorn")
_THINGS = (
    "book", "room", "train", "dinner", "show", "laptop", "song", "game", "staff", "tour", "shop", "coffee",
    "course", "update", "camera", "sofa", "garden",
)  # fmt: skip

#: How often each word is taught in each frame, of another thing each time: once hardly shows.
TIMES = 3

#: With a good adjective and with a bad one in its place, and the label of each.
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
#: The same with verbs.
_VERB_FRAMES = (
    ("we all {word} that {thing}", POSITIVE, NEGATIVE),
    ("my sister doesn't {word} that {thing}", NEGATIVE, POSITIVE),
    ("no one here can {word} such a {thing}", NEGATIVE, POSITIVE),
    ("back then they would {opposite} the {thing}, these days they {word} it", POSITIVE, NEGATIVE),
)


def lessons() -> Iterator[tuple[str, str]]:
    """Yield texts with their labels, half of them negative."""
    things = cycle(_THINGS)
    adjectives, verbs = (list(zip(*both, strict=True)) * TIMES for both in ((_GOOD, _BAD), (_LIKED, _HATED)))
    for frames, pairs in ((_FRAMES, adjectives), (_VERB_FRAMES, verbs)):
        for frame, label_of_good, label_of_bad in frames:
            for good, bad in pairs:
                yield frame.format(thing=next(things), word=good, opposite=bad), label_of_good
                yield frame.format(thing=next(things), word=bad, opposite=good), label_of_bad
