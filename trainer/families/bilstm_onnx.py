"""The ONNX graph of a bidirectional LSTM, written from its weights.

Built of ONNX's own LSTM, which knows the length of each text, so padding changes nothing. Keras' exporter
(tf2onnx) turns a masked LSTM into loops over the words, many times slower.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

OPSET = 17

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class OneWay:
    """An LSTM's weights as Keras has them: the gates input, forget, cell, output along the last axis."""

    kernel: Floats
    recurrent: Floats
    bias: Floats


@dataclass(frozen=True, slots=True)
class Weights:
    """All weights: ``embedding`` words x width, ``dense`` states x labels."""

    embedding: Floats
    forwards: OneWay
    backwards: OneWay
    dense: Floats
    bias: Floats


def write(weights: Weights, target: Path) -> None:
    """Write the graph: ``ids`` (texts x words, 0 where there is none) in, ``probabilities`` out."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    state = weights.forwards.recurrent.shape[0]
    both = (weights.forwards, weights.backwards)
    constants: dict[str, npt.NDArray[Any]] = {
        "embedding": weights.embedding,
        "W": np.stack([_gates(one.kernel) for one in both]),
        "R": np.stack([_gates(one.recurrent) for one in both]),
        # ONNX adds a second bias, to the recurrent part; Keras has one.
        "B": np.stack([np.concatenate([_gates(one.bias[None])[:, 0], np.zeros(4 * state)]) for one in both]),
        "dense": weights.dense,
        "bias": weights.bias,
        "zero": np.array(0, np.int64),
        "words_axis": np.array([1], np.int64),
        "joined": np.array([-1, 2 * state], np.int64),
    }
    nodes = [
        helper.make_node("Equal", ["ids", "zero"], ["is_padding"]),
        helper.make_node("Not", ["is_padding"], ["is_word"]),
        helper.make_node("Cast", ["is_word"], ["word"], to=TensorProto.INT32),
        helper.make_node("ReduceSum", ["word", "words_axis"], ["lengths"], keepdims=0),
        helper.make_node("Gather", ["embedding", "ids"], ["embedded"]),
        helper.make_node("Transpose", ["embedded"], ["by_word"], perm=[1, 0, 2]),
        helper.make_node(
            "LSTM", ["by_word", "W", "R", "B", "lengths"], ["", "last"],
            direction="bidirectional", hidden_size=state,
        ),
        helper.make_node("Transpose", ["last"], ["by_text"], perm=[1, 0, 2]),
        helper.make_node("Reshape", ["by_text", "joined"], ["states"]),
        helper.make_node("Gemm", ["states", "dense", "bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]  # fmt: skip
    graph = helper.make_graph(
        nodes,
        "bilstm",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["texts", "words"])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["texts", len(weights.bias)])],
        [numpy_helper.from_array(_single(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, target)


def _gates(matrix: Floats) -> Floats:
    """Return Keras' inputs x 4 states as ONNX' 4 states x inputs: the gates input, output, forget, cell."""
    entry, forget, cell, output = np.split(matrix, 4, axis=-1)
    return np.concatenate([entry, output, forget, cell], axis=-1).T


def _single(value: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return value if value.dtype == np.int64 else np.ascontiguousarray(value, np.float32)
