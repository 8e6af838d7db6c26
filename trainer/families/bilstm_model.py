"""A bidirectional LSTM as it travels: MLflow loads this file, beside an ONNX graph and its vocabulary.

It imports nothing of ours, and reads JSON and ONNX only. The graph takes word numbers and gives
probabilities; cutting a text into words is written out here, as Keras' ``TextVectorization`` does it by
default but for contractions, so a serving host does with ONNX Runtime alone: 60 MB of memory instead of
TensorFlow's 700.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase, punctuation
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel
from pydantic import BaseModel

#: What ``mlflow.pyfunc.load_model(..., model_config=...)`` may set; 0 threads leaves it to the library.
SETTINGS: Mapping[str, Any] = {"threads": 0}

#: What the graph takes for no word, and for a word it was not trained with; known words follow.
PADDING, UNKNOWN, FIRST_WORD = 0, 1, 2

#: Texts that ``predict`` runs together; a worker brings its own batches to ``classify``.
TOGETHER = 64

#: TensorFlow splits at the white space of ASCII, and lower-cases its letters only.
_WORD = re.compile(r"[^ \t\n\v\f\r]+")
_PLAIN = str.maketrans(ascii_uppercase, ascii_lowercase, punctuation + "’")
#: Where the Penn Treebank cuts a word: "isn't" is "is" and "n't", so whoever knows "not" knows all of them.
_ENDING = re.compile(r"(?<=[^\W\d_])(?:n['’]t|['’](?:s|d|m|re|ve|ll))(?![^\W\d_])", re.IGNORECASE)


class Answer(BaseModel):
    """The shape of one answer; MLflow writes the registry's signature from it."""

    label: str
    score: float
    scores: dict[str, float]


@dataclass(frozen=True, slots=True)
class Encoded:
    """A text as the graph reads it, cut to its limit if ``is_truncated``."""

    ids: list[int]
    is_truncated: bool

    @property
    def tokens(self) -> int:
        """How many words there are after truncation."""
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Word:
    """A word's number in the vocabulary, and where it stands in its text, in characters."""

    id: int
    start: int
    end: int


def plain_words(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield each word as the vocabulary has it, and where it stands; what is punctuation only is none."""
    for found in _WORD.finditer(text):
        cuts = (ending.start() for ending in _ENDING.finditer(text, found.start(), found.end()))
        for start, end in pairwise((found.start(), *cuts, found.end())):
            if plain := text[start:end].translate(_PLAIN):
                yield plain, start, end


class BilstmModel(PythonModel):  # type: ignore[misc]  # MLflow carries no types
    """Vocabulary and graph, and how they make answers."""

    #: A batch costs its longest text times their number.
    is_padded = True

    def load_context(self, context: Any) -> None:
        """Read the artefacts; ``context.artifacts`` maps their names to paths."""
        self.load(context.artifacts, {**SETTINGS, **(context.model_config or {})})

    def load(self, artifacts: Mapping[str, str], settings: Mapping[str, Any] = SETTINGS) -> None:
        """Read labels, limit, words and graph."""
        import onnxruntime

        record = json.loads(Path(artifacts["vocabulary"]).read_text("utf-8"))
        self.labels: list[str] = record["labels"]
        self.limit: int = record["limit"]
        #: What logits are divided by, so that it is as sure as it is right.
        self.temperature: float = record["temperature"]
        self.numbers = {word: number for number, word in enumerate(record["words"], FIRST_WORD)}
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = settings["threads"]
        # Threads that wait for the next batch must not spin: the time belongs to whoever brings it.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        self._session = onnxruntime.InferenceSession(
            artifacts["graph"], options, providers=["CPUExecutionProvider"]
        )

    def predict(
        self,
        context: Any,  # noqa: ARG002  # MLflow's signature
        model_input: list[str],
        params: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> list[Answer]:
        """Answer each text: its label, the label's probability, and all probabilities, highest first."""
        encoded = self.encode(model_input)
        # Similar lengths together: the least padding.
        order = sorted(range(len(encoded)), key=lambda index: encoded[index].tokens)
        answers: dict[int, dict[str, Any]] = {}
        for start in range(0, len(order), TOGETHER):
            chosen = order[start : start + TOGETHER]
            answers |= zip(chosen, self.classify([encoded[index] for index in chosen]), strict=True)
        # Plain dicts of that shape: building objects would cost more than it tells.
        return cast("list[Answer]", [answers[index] for index in range(len(encoded))])

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """Cut texts into numbered words, at most ``limit`` each."""
        return [self._cut([word.id for word in self._words(text)]) for text in texts]

    def classify(self, encoded: Sequence[Encoded]) -> list[dict[str, Any]]:
        """Answer texts together, as one batch."""
        answers = []
        for row in self._probabilities([one.ids for one in encoded]).tolist() if encoded else []:
            ranked = sorted(zip(self.labels, row, strict=True), key=lambda pair: -pair[1])
            answers.append({"label": ranked[0][0], "score": ranked[0][1], "scores": dict(ranked)})
        return answers

    def explain(self, text: str) -> list[dict[str, Any]]:
        """Return the words that were read, in order: ``token``, ``start``, ``end`` (characters), ``weight``.

        The weight is what the predicted label's probability loses when the word is left out (occlusion).
        """
        words = self._words(text)[: self.limit]
        ids = [word.id for word in words]
        shorter = [self._cut(ids[:place] + ids[place + 1 :]).ids for place in range(len(ids))]
        whole, *others = self._probabilities([self._cut(ids).ids, *shorter])
        label = whole.argmax()
        return [
            {
                "token": text[word.start : word.end],
                "start": word.start,
                "end": word.end,
                "weight": float(whole[label] - other[label]),
            }
            for word, other in zip(words, others, strict=True)
        ]

    def _words(self, text: str) -> list[Word]:
        return [Word(self.numbers.get(plain, UNKNOWN), start, end) for plain, start, end in plain_words(text)]

    def _cut(self, ids: list[int]) -> Encoded:
        # A text without words is read as one that is not known: the graph needs something to read.
        return Encoded(ids[: self.limit] or [UNKNOWN], len(ids) > self.limit)

    def _probabilities(self, texts: Sequence[list[int]]) -> npt.NDArray[np.float64]:
        """Return texts x labels, each row summing to 1."""
        ids = np.full((len(texts), max(map(len, texts))), PADDING, dtype=np.int64)
        for row, text in enumerate(texts):
            ids[row, : len(text)] = text
        (found,) = self._session.run(None, {"ids": ids})
        rows: npt.NDArray[np.float64] = np.asarray(found, dtype=np.float64)
        # Powers of probabilities are what divided logits would give; what was rounded to 0 is not impossible.
        rows = np.maximum(rows, 1e-12) ** (1 / self.temperature)
        # Single precision's sums are off by 1e-7.
        rows /= rows.sum(axis=1, keepdims=True)
        return rows


set_model(BilstmModel())
