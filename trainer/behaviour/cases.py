"""What a behaviour case is, and how templates become cases. Pure.

Three kinds, as in CheckList: a text whose label is certain, texts that must all get one label whatever else
differs between them, and a text that must not be answered with less confidence than a weaker one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from string import Formatter

NEGATIVE, POSITIVE = "negative", "positive"


class Kind(StrEnum):
    """How the answers to a case's texts are judged."""

    #: The one text is answered with one of ``allowed``.
    LABEL = "label"
    #: All texts are answered with one label, whichever it is.
    SAME = "same"
    #: The score of ``allowed``'s one label does not fall from the first text to the second.
    RISES = "rises"


@dataclass(frozen=True, slots=True)
class Case:
    """One question to a model. ``capability`` names what it takes to answer; ``allowed`` see ``Kind``."""

    capability: str
    kind: Kind
    texts: tuple[str, ...]
    allowed: frozenset[str] = frozenset()


def filled(template: str, words: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield the template with each combination of the words that its ``{fields}`` name."""
    fields = list(dict.fromkeys(name for _, name, _, _ in Formatter().parse(template) if name))
    for choice in product(*(words[name] for name in fields)):
        yield template.format(**dict(zip(fields, choice, strict=True)))


def labelled(
    capability: str, templates: Mapping[str, str], words: Mapping[str, Sequence[str]]
) -> Iterator[Case]:
    """Yield cases with a certain label. ``templates`` maps each to a label; ``!label`` is any but that."""
    for template, wanted in templates.items():
        allowed = {NEGATIVE, POSITIVE, "neutral"} - {wanted[1:]} if wanted.startswith("!") else {wanted}
        for text in filled(template, words):
            yield Case(capability, Kind.LABEL, (text,), frozenset(allowed))


def alike(
    capability: str,
    templates: Sequence[str],
    choices: Sequence[str],
    words: Mapping[str, Sequence[str]],
) -> Iterator[Case]:
    """Yield pairs that differ in ``{who}`` alone: the answer may not depend on it.

    Each choice is paired with the next and the last with the first, so each weighs alike, and one that stands
    out fails two pairs.
    """
    for template in templates:
        for rest in filled(template, {**words, "who": ("{who}",)}):
            texts = [_put(rest, "who", choice) for choice in choices]
            for pair in zip(texts, [*texts[1:], texts[0]], strict=True):
                yield Case(capability, Kind.SAME, pair)


def rising(
    capability: str,
    templates: Mapping[str, str],
    pairs: Sequence[tuple[str, str]],
    words: Mapping[str, Sequence[str]],
) -> Iterator[Case]:
    """Yield cases in which ``{degree}`` grows from one word to a stronger, and with it the label's score."""
    for template, label in templates.items():
        for rest in filled(template, {**words, "degree": ("{degree}",)}):
            for weak, strong in pairs:
                texts = (_put(rest, "degree", weak), _put(rest, "degree", strong))
                yield Case(capability, Kind.RISES, texts, frozenset({label}))


def _put(template: str, field: str, word: str) -> str:
    """Fill the last field; an empty word leaves no gap."""
    return " ".join(template.format(**{field: word}).split())
