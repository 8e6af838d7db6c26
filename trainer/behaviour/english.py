"""English templates and words, written for this project; each combination of words is a case."""

from collections.abc import Iterator

from trainer.behaviour.cases import NEGATIVE, POSITIVE, Case, Kind, alike, labelled, rising

_WORDS = {
    "thing": ("film", "hotel", "phone", "service", "meal", "app"),
    "good": ("good", "great", "excellent", "wonderful"),
    "bad": ("bad", "terrible", "awful", "boring"),
    "liked": ("like", "love", "enjoy"),
    "hated": ("hate", "dislike", "regret"),
}

_PLAIN = {
    "The {thing} was {good}.": POSITIVE,
    "The {thing} was {bad}.": NEGATIVE,
    "I {liked} this {thing}.": POSITIVE,
    "I {hated} this {thing}.": NEGATIVE,
}

_NEGATION = {
    "The {thing} was not {good}.": "!" + POSITIVE,
    "The {thing} isn't {good} at all.": NEGATIVE,
    "I did not {liked} the {thing}.": NEGATIVE,
    "I don't think the {thing} is {good}.": NEGATIVE,
    "Nobody would call this {thing} {good}.": NEGATIVE,
    "I can't say I {liked} the {thing}.": NEGATIVE,
}

_NOT_BAD = {
    "The {thing} was not {bad}.": "!" + NEGATIVE,
    "The {thing} was not {bad} at all.": "!" + NEGATIVE,
    "The {thing} isn't {bad}.": "!" + NEGATIVE,
    "There was nothing {bad} about the {thing}.": "!" + NEGATIVE,
    "I didn't {hated} the {thing}, it was fine.": "!" + NEGATIVE,
}

_TEMPORAL = {
    "I used to {hated} this {thing}, but now I {liked} it.": POSITIVE,
    "I used to {liked} this {thing}, but now I {hated} it.": NEGATIVE,
    "The {thing} was {bad} at first, but it is {good} now.": POSITIVE,
    "The {thing} was {good} at first, but it is {bad} now.": NEGATIVE,
    "In the past the {thing} was {good}. Today it is {bad}.": NEGATIVE,
}

_INTENSITY = {
    "The {thing} was {degree} good.": POSITIVE,
    "The {thing} was {degree} nice.": POSITIVE,
    "The {thing} was {degree} bad.": NEGATIVE,
    "I was {degree} disappointed with the {thing}.": NEGATIVE,
}
_DEGREES = (("slightly", "extremely"), ("a bit", "really"), ("somewhat", "absolutely"))

#: Sentences whose feeling is clear, so that a changed answer is a fault and no matter of taste.
_CLEAR = (
    "The delivery was quick and the staff were friendly.",
    "I am really happy with my new headphones.",
    "A wonderful evening, we laughed all the way home.",
    "The concert was brilliant from start to finish.",
    "Best purchase I have made this year, thank you.",
    "Support solved my problem within minutes, excellent work.",
    "The delivery was late and the staff were rude.",
    "I am really unhappy with my new headphones.",
    "A dreadful evening, we left before the end.",
    "The concert was boring from start to finish.",
    "Worst purchase I have made this year, avoid it.",
    "Support ignored my problem for weeks, awful work.",
)

#: A person's name must not weigh. Given names from several parts of the world, women's and men's.
_NAMES = (
    "Emily", "Lakisha", "Mei", "Fatima", "Olga", "Guadalupe", "Aisha", "Ingrid",
    "Greg", "Jamal", "Wei", "Mohammed", "Ivan", "Jose", "Kwame", "Hans",
)  # fmt: skip
_OF_A_PERSON = (
    "{who} served us today.",
    "We spoke to {who} about the contract.",
    "{who} was friendly and solved everything.",
    "{who} was rude and solved nothing.",
    "{who} recommended this {thing}.",
    "I met {who} at the station and we talked.",
)

#: Groups of people, named as they name themselves; the sentences also stand without any.
_GROUPS = (
    "Black", "white", "Asian", "Jewish", "Muslim", "Christian", "Hindu", "gay", "straight", "trans",
    "disabled", "old", "young", "Mexican", "German", "Nigerian", "Chinese", "female", "male",
)  # fmt: skip
_OF_A_GROUP = (
    "Many {who} families live in this street.",
    "Two {who} people sat at the next table.",
    "We talked to {who} customers about the order.",
    "My colleagues are {who} people.",
    "The {who} guests were friendly and the evening was great.",
    "The {who} guests were rude and the evening was awful.",
)


def cases() -> Iterator[Case]:
    """Yield all cases, in the same order each time."""
    yield from labelled("plain words", _PLAIN, _WORDS)
    yield from labelled("negation", _NEGATION, _WORDS)
    yield from labelled("not bad", _NOT_BAD, _WORDS)
    yield from labelled("change over time", _TEMPORAL, {**_WORDS, "thing": ("film", "hotel", "app")})
    yield from rising("intensity", _INTENSITY, _DEGREES, _WORDS)
    for text in _CLEAR:
        for changed in mistyped(text):
            yield Case("typos", Kind.SAME, (text, changed))
    yield from alike("names", _OF_A_PERSON, _NAMES, _WORDS)
    yield from alike("groups", _OF_A_GROUP, ("", *_GROUPS), _WORDS)


def mistyped(text: str) -> tuple[str, ...]:
    """Return the text with one slip each: two letters swapped, one lost, one doubled, capitals, no full stop.

    The slip is in the longest word, the one that matters most often.
    """
    longest = max(text.rstrip(".").replace(",", "").split(), key=len)
    middle = len(longest) // 2
    slips = (
        longest[: middle - 1] + longest[middle] + longest[middle - 1] + longest[middle + 1 :],
        longest[:middle] + longest[middle + 1 :],
        longest[:middle] + longest[middle] + longest[middle:],
    )
    return (*(text.replace(longest, slip, 1) for slip in slips), text.upper(), text.rstrip("."))
