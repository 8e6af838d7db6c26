"""The network that ``bilstm`` trains, as Keras has it: layers, weights, answers."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
# TensorFlow tells of the processor's features on stderr, where nothing but our log's JSON belongs.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras  # it reads the environment as it is imported
import numpy as np
import numpy.typing as npt
from keras import layers

from trainer.families.bilstm_model import FIRST_WORD, PADDING, UNKNOWN
from trainer.families.bilstm_onnx import OneWay, Weights
from trainer.families.family import Probabilities
from trainer.families.word_vectors import Vector

if TYPE_CHECKING:
    from trainer.families.bilstm import Options

#: Texts that are answered together.
TOGETHER = 256
#: Words without a vector start within this of zero, as Keras starts them.
_SPREAD = 0.05

_FROM_LABELS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Shape:
    """What the network is built for: the words known, vectors of some of them, the number of labels."""

    known: list[str]
    vectors: dict[str, Vector]
    labels: int


def build(shape: Shape, wanted: "Options", seed: int) -> Any:
    """Return a network with its optimiser: word numbers in, logits out.

    From a teacher it learns the logits by their mean squared error, as Tang et al. 2019 found best.
    """
    table = _embedding(shape, wanted.width, seed)
    ids = keras.Input((None,), dtype="int64", name="ids")
    words = layers.Embedding(*table.shape, mask_zero=True, name="embedding")
    read = layers.Bidirectional(layers.LSTM(wanted.state), name="lstm")
    found = layers.SpatialDropout1D(wanted.dropout)(words(ids))
    found = layers.Dropout(wanted.dropout)(read(found))
    found = layers.Dense(shape.labels, name="dense")(found)
    network = keras.Model(ids, found)
    words.set_weights([table])
    network.compile(
        optimizer=keras.optimizers.Adam(
            wanted.learning_rate,
            global_clipnorm=wanted.clip,
            use_ema=wanted.average > 0,
            ema_momentum=wanted.average,
        ),
        loss="mean_squared_error" if wanted.teacher else _FROM_LABELS,
    )
    return network


@contextmanager
def averaged(network: Any) -> Iterator[None]:
    """Give the network the moving average of its weights for a while, if its optimiser keeps one."""
    learnt = network.get_weights()
    network.optimizer.finalize_variable_values(network.trainable_variables)
    try:
        yield
    finally:
        network.set_weights(learnt)


def weights(network: Any) -> Weights:
    """Return the weights under the names that ``bilstm_onnx`` writes them by."""
    read = network.get_layer("lstm")
    dense, bias = network.get_layer("dense").get_weights()
    (table,) = network.get_layer("embedding").get_weights()
    forwards, backwards = (
        OneWay(*layer.get_weights()) for layer in (read.forward_layer, read.backward_layer)
    )
    return Weights(table, forwards, backwards, dense, bias)


def probabilities(network: Any, texts: list[list[int]]) -> Probabilities:
    """Return texts x labels, each row summing to 1."""
    order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    rows = np.empty((len(texts), network.output_shape[-1]))
    for start in range(0, len(order), TOGETHER):
        chosen = order[start : start + TOGETHER]
        rows[chosen] = network.predict_on_batch(padded([texts[place] for place in chosen]))
    found: Probabilities = np.exp(rows - rows.max(axis=1, keepdims=True))
    found /= found.sum(axis=1, keepdims=True)
    return found


def padded(texts: list[list[int]]) -> Ints:
    """Return texts as rows of one length. A text without words is read as one that is not known."""
    ids = np.full((len(texts), max(1, *map(len, texts))), PADDING, dtype=np.int64)
    for row, text in enumerate(texts):
        ids[row, : max(1, len(text))] = text or [UNKNOWN]
    return ids


def _embedding(shape: Shape, width: int, seed: int) -> npt.NDArray[np.float32]:
    """Return the table to start from: vectors as given, small random numbers for the other words."""
    if shape.vectors:
        width = len(next(iter(shape.vectors.values())))
    chance = np.random.default_rng(seed)
    size = (len(shape.known) + FIRST_WORD, width)
    table = chance.uniform(-_SPREAD, _SPREAD, size).astype(np.float32)
    for number, word in enumerate(shape.known, FIRST_WORD):
        if word in shape.vectors:
            table[number] = shape.vectors[word]
    return table
