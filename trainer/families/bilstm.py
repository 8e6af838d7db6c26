"""Trains a bidirectional LSTM in Keras: words of the training texts, an embedding, one pass each way.

Knows how words become numbers and which figures count; the network is ``bilstm_network``'s, the file that
serves ``bilstm_model``'s.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from trainer.errors import BadData, BadRequest
from trainer.families import holdout, options, temperature, word_vectors
from trainer.families.family import AS_USUAL, Fitted, Plan, Probabilities

if TYPE_CHECKING:
    from trainer.families.bilstm_model import BilstmModel

_PACKAGES = ("mlflow-skinny", "numpy", "onnxruntime", "pydantic")


class Options(options.Options):
    """What can be set."""

    words: int = Field(20_000, ge=1, description="Size of the vocabulary: the commonest words.")
    least: int = Field(2, ge=1, description="A word seen less often is not known.")
    limit: int = Field(200, ge=1, description="Words of a text that are read, here and when served.")
    width: int = Field(128, ge=1, description="Of the embedding; with vectors, theirs.")
    state: int = Field(128, ge=1, description="Of the LSTM, each way.")
    dropout: float = Field(0.5, ge=0, lt=1, description="Of the embedding and of the last state.")
    forget: float = Field(
        0.1, ge=0, lt=1, description="Share of words hidden at random, so that none decides."
    )
    vectors: Path | None = Field(None, description="Pretrained vectors, a word and its numbers a line.")
    teacher: str | None = Field(
        None, description="A model to learn from: models:/NAME/VERSION, runs:/RUN/model or its folder."
    )
    copies: int = Field(
        0,
        ge=0,
        description="With a teacher: of each longer text, with words left out, to learn from as well.",
    )
    epochs: int = Field(12, ge=1, description="Times each text is read, at most.")
    batch: int = Field(64, ge=1, description="Texts a step.")
    learning_rate: float = Field(1e-3, gt=0, description="Of Adam.")
    clip: float = Field(1.0, gt=0, description="Greatest norm of a gradient.")
    average: float = Field(
        0,
        ge=0,
        lt=1,
        description="Momentum of the weights' moving average that is kept; 0: the last weights.",
    )
    watch: float = Field(0.05, gt=0, lt=0.5, description="Share of the rows held back to watch the learning.")
    patience: int = Field(3, ge=1, description="Epochs without a better macro-F1 before it stops.")


def train(
    texts: Sequence[str], labels: Sequence[str], *, seed: int, folder: Path, plan: Plan = AS_USUAL
) -> Fitted:
    """Fit, and write the ONNX graph and the vocabulary of ``bilstm_model`` to ``folder``.

    Raises:
        BadData: no word occurs often enough.
        BadRequest: an option is wrong, or TensorFlow is missing.
    """
    wanted = options.read(Options, plan.options, "bilstm")
    options.need(("tensorflow", "keras", "onnx", "onnxruntime"), "bilstm", "bilstm")
    names, parts = sorted(set(labels)), holdout.sides(texts, labels, wanted.watch)
    known = vocabulary([texts[place] for place in parts.teaching], wanted)
    vectors = word_vectors.read(wanted.vectors, known) if wanted.vectors is not None else {}
    # Seconds of imports that `--help` and a wrong option must not pay.
    from trainer.families import bilstm_epochs, bilstm_model, bilstm_network, bilstm_onnx

    taught = _taught(wanted, [texts[place] for place in parts.teaching], names, seed, plan)
    numbers = {word: number for number, word in enumerate(known, bilstm_model.FIRST_WORD)}
    teaching, watching = (
        bilstm_epochs.Rows(
            [_numbered(texts[place], numbers)[: wanted.limit] for place in part],
            [names.index(labels[place]) for place in part],
        )
        for part in (parts.teaching, parts.watching)
    )
    if taught.logits is not None:
        # Whoever has a teacher needs no labels.
        teaching.texts.extend(_numbered(text, numbers)[: wanted.limit] for text in taught.copies)
    shape = bilstm_network.Shape(known, vectors, len(names))
    lesson = bilstm_epochs.Lesson(teaching, watching, taught.logits, wanted, seed)
    learnt = bilstm_epochs.learn(shape, lesson, plan.checkpoints, plan.progress)
    artifacts = {"graph": folder / "bilstm.onnx", "vocabulary": folder / "vocabulary.json"}
    calibrated = temperature.fit(learnt.watched, watching.labels)
    record = {
        "labels": names,
        "limit": wanted.limit,
        "words": known,
        "temperature": calibrated.temperature,
    }
    artifacts["vocabulary"].write_text(json.dumps(record, ensure_ascii=False), "utf-8")
    bilstm_onnx.write(learnt.weights, artifacts["graph"])
    model = bilstm_model.BilstmModel()
    model.load({name: str(path) for name, path in artifacts.items()})
    told = temperature.tempered(learnt.watched, calibrated.temperature)
    parity = _parity(model, [texts[place] for place in parts.watching], told)
    return Fitted(
        labels=tuple(names),
        parameters={
            **wanted.model_dump(),
            "known_words": len(known),
            **calibrated.parameters(),
            **taught.parameters,
            **parity,
        },
        code=Path(bilstm_model.__file__),
        artifacts=artifacts,
        requirements=tuple(f"{package}=={version(package)}" for package in _PACKAGES),
        model_config=bilstm_model.SETTINGS,
        probabilities=lambda asked: _probabilities(model, asked),
        curve=tuple(learnt.curve),
    )


@dataclass(frozen=True, slots=True)
class _Taught:
    """What a teacher says to the teaching texts and their copies, and which one it was; else nothing."""

    copies: Sequence[str] = ()
    logits: Probabilities | None = None
    parameters: Mapping[str, str | int] = field(default_factory=dict)


def _taught(wanted: Options, texts: Sequence[str], names: Sequence[str], seed: int, plan: Plan) -> _Taught:
    """Ask the teacher.

    Raises:
        BadRequest: there is no such teacher, or it knows other labels; or copies that nobody answers to.
    """
    if wanted.teacher is None:
        if wanted.copies:
            raise BadRequest(
                "copies of texts have no labels: name a teacher that answers to them, or leave them"
            )
        return _Taught()
    from trainer.families import teacher

    found = teacher.find(wanted.teacher)
    copies = teacher.varied(texts, wanted.copies, seed)
    said = teacher.answers(found, [*texts, *copies], names, plan.cache, plan.progress)
    about = {"teacher.model": found.model, "teacher.run": found.run}
    return _Taught(copies, teacher.logits(said), {**about, "teacher.copies": len(copies)})


def vocabulary(texts: Sequence[str], wanted: Options) -> list[str]:
    """Return the commonest words, those of the same count by the alphabet.

    Raises:
        BadData: none is common enough.
    """
    from trainer.families.bilstm_model import plain_words

    counts = Counter(plain for text in texts for plain, _, _ in plain_words(text))
    common = [word for word, count in counts.items() if count >= wanted.least]
    if not common:
        raise BadData("the training texts have no word in common: add rows")
    return sorted(common, key=lambda word: (-counts[word], word))[: wanted.words]


def _numbered(text: str, numbers: Mapping[str, int]) -> list[int]:
    from trainer.families.bilstm_model import UNKNOWN, plain_words

    return [numbers.get(plain, UNKNOWN) for plain, _, _ in plain_words(text)]


def _probabilities(model: "BilstmModel", texts: Sequence[str]) -> Probabilities:
    import numpy as np

    answers: list[Any] = model.predict(None, list(texts))
    rows = [[answer["scores"][label] for label in model.labels] for answer in answers]
    return np.array(rows, dtype=np.float64).reshape(len(texts), len(model.labels))


def _parity(model: "BilstmModel", texts: Sequence[str], wanted: Probabilities) -> dict[str, float]:
    """Return how near the file that serves comes to Keras.

    Raises:
        RuntimeError: it does not; then it must not serve.
    """
    from trainer.families import forms

    found = forms.compare(wanted, _probabilities(model, texts))
    if not found.is_faithful:
        raise RuntimeError(f"the ONNX graph answers otherwise than Keras: {found.to_dict()}")
    return {"parity.agreement": found.agreement, "parity.max_difference": found.max_difference}
