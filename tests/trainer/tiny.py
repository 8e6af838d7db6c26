"""Each family in miniature: options with which it learns a few hundred texts in seconds."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from .conftest import opinions

#: What a family imports when it trains. They are too large for the usual set: `make test-bert` has them.
PACKAGES = {
    "tfidf": (),
    "bilstm": ("tensorflow", "keras", "onnx", "onnxruntime"),
    "bert": ("torch", "transformers", "accelerate", "onnx", "onnxruntime"),
}


def need(family: str) -> None:
    for package in PACKAGES[family]:
        pytest.importorskip(package, reason=f"{package} is not installed: pip install 'barometer[{family}]'")


def options(family: str, base: Callable[[], Path]) -> Mapping[str, Any]:
    """`base` makes the folder of a pretrained model; it is called only where one is needed."""
    if family == "bilstm":
        sizes = {"width": 16, "state": 16, "batch": 16}
        return {**sizes, "epochs": 12, "learning_rate": 0.02, "average": 0.5, "watch": 0.1}
    if family == "bert":
        start = {"base": str(base()), "batch": 16, "checks": 1}
        return {**start, "epochs": 8, "learning_rate": 2e-3, "watch": 0.1}
    return {}


def write_base(folder: Path) -> Path:
    """A transformer that has learnt nothing, as a folder to start from."""
    from benchmarks import random_bert

    size = random_bert.Size(layers=1, width=32, heads=2, vocabulary=400, limit=48)
    texts = [text for text, _ in opinions(240)]
    model, tokenizer = random_bert.make(texts, ("negative", "positive"), size, seed=0)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
