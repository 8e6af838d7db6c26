"""How fast a model is in this process, without queue and HTTP: the limit a worker can approach."""

import itertools
import time
from collections.abc import Iterator, Sequence
from typing import Any

#: One measurement. The machine's moods are longer, so what is compared takes turns.
SECONDS = 0.7


def rate(model: Any, texts: Sequence[str]) -> float:
    """Return how many texts a second the model answers, tokenizing included, when it gets them together."""
    model.classify(model.encode(texts))
    begun, done = time.perf_counter(), 0
    while time.perf_counter() - begun < SECONDS:
        model.classify(model.encode(texts))
        done += len(texts)
    return done / (time.perf_counter() - begun)


def of_length(tokens: int, texts: Sequence[str], model: Any) -> Iterator[str]:
    """Yield texts of just so many tokens, made of the words of others, for ever."""
    words: list[str] = []
    for word in itertools.cycle(" ".join(texts).split()):
        (tried,) = model.encode([" ".join([*words, word])])
        if tried.tokens <= tokens:
            words.append(word)
        if tried.tokens == tokens:
            yield " ".join(words)
            words = []
