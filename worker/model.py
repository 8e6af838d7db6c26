"""What a worker asks of a registered model, whatever its family.

Every model answers raw texts. One that pads its batches also lets the worker tokenise first (``encode``) and
run what it has put together (``classify``); one that can say why has ``explain``. For a model without the
pair the text itself is the encoding.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from contract.labels import Answer
from worker.canary import EXACT


class Encoded(Protocol):
    """A text as the model will read it. What else it carries is the model's own matter."""

    @property
    def tokens(self) -> int:
        """How many tokens it will cost, after truncation."""

    @property
    def is_truncated(self) -> bool:
        """Whether the model reads only its beginning."""


@dataclass(frozen=True, slots=True)
class Text:
    """The encoding of a model that has none: it reads the whole text."""

    text: str
    is_truncated: bool = False

    @property
    def tokens(self) -> int:
        """An estimate: a token has four characters in most languages."""
        return 1 + len(self.text) // 4


class RegisteredModel:
    """One version of a registered model, ready to answer.

    Args:
        version: its number in the registry.
        model: the unwrapped Python model.
        context: what MLflow hands to ``predict`` first.
    """

    def __init__(self, version: str, model: Any, context: Any = None) -> None:
        self.version = version
        #: Whether a batch costs its longest text times its count, instead of the sum of its texts.
        self.is_padded = bool(getattr(model, "is_padded", False))
        self.can_explain = callable(getattr(model, "explain", None))
        #: How far the model's form may be from the scores stored at registration, as measured there.
        self.tolerance = float(getattr(model, "tolerance", EXACT))
        self._encodes = callable(getattr(model, "encode", None)) and callable(
            getattr(model, "classify", None)
        )
        self._model = model
        self._context = context

    def predict(self, texts: Sequence[str]) -> list[Answer]:
        """Answer each text, in order."""
        return _answers(self._model.predict(self._context, list(texts)))

    def encode(self, texts: Sequence[str]) -> Sequence[Encoded]:
        """Tokenise each text, in order."""
        if self._encodes:
            encoded: Sequence[Encoded] = self._model.encode(list(texts))
            return encoded
        return [Text(text) for text in texts]

    def classify(self, encoded: Sequence[Encoded]) -> list[Answer]:
        """Answer what ``encode`` of this same version returned, in order; the batch runs as it is given."""
        if self._encodes:
            return _answers(self._model.classify(list(encoded)))
        return self.predict([one.text for one in encoded if isinstance(one, Text)])

    def explain(self, text: str) -> list[dict[str, Any]]:
        """Return the weight of each token towards the predicted label: ``token, start, end, weight``.

        ``start`` and ``end`` are offsets in characters. Only where ``can_explain``.
        """
        return [dict(part) for part in self._model.explain(text)]


def _answers(rows: Sequence[Mapping[str, Any]]) -> list[Answer]:
    return [Answer(row["label"], row["score"], row["scores"]) for row in rows]
