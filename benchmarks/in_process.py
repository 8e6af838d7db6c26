"""How fast a model is in one process, without queue and HTTP: the limit a worker can approach.

``python -m benchmarks.in_process FOLDER`` is a process of its own, as the worker is one; run by ``rates``.
"""

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

#: Those among which a model may choose where all texts are there at once.
BATCHES = (8, 16, 32, 64, 128, 256)
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


def rates(folder: Path, texts: Sequence[str]) -> dict[int, float]:
    """Return texts a second for each of ``BATCHES``, of the registered model in this folder.

    It is loaded as the worker loads it, on as many threads, and called as the worker calls it (``encode``,
    then ``classify``). It has all texts in hand: one that pads gets them sorted by length, the least padding.
    """
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.in_process", str(folder)],
        input=json.dumps(list(texts)), stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return {int(batch): found for batch, found in json.loads(done.stdout.splitlines()[-1]).items()}


def over_all(model: Any, texts: Sequence[str], batch: int) -> float:
    """Return texts a second over all of them, in batches of so many."""
    model.classify(model.encode(texts[:batch]))
    begun = time.perf_counter()
    encoded = list(model.encode(texts))
    if model.is_padded:
        encoded.sort(key=lambda one: one.tokens)
    for start in range(0, len(encoded), batch):
        model.classify(encoded[start : start + batch])
    return len(texts) / (time.perf_counter() - begun)


def main() -> None:
    from worker import loading, threads

    config = {"device": "auto", "threads": threads.count(0)}
    model = loading.load(loading.read(Path(sys.argv[1])), "1", config)
    texts = json.load(sys.stdin)
    print(json.dumps({batch: over_all(model, texts, batch) for batch in BATCHES}))


if __name__ == "__main__":
    main()
