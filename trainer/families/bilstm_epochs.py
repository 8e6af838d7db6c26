"""The epochs of a BiLSTM's training, and how a training that was cut off goes on.

After each epoch everything needed to go on is on disk. What is drawn in an epoch depends on the seed and the
epoch's number alone, so one that was cut off comes to the model it would have come to.
"""

import json
import logging
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from trainer.families import bilstm_network, bucketing, stopping
from trainer.families.bilstm_model import UNKNOWN
from trainer.families.bilstm_onnx import Weights
from trainer.families.family import Probabilities, Progress

if TYPE_CHECKING:
    from trainer.families.bilstm import Options

#: A checkpoint is a folder ``epoch-N``; it gets this name when all is in it.
_NAME = "epoch-"
_STATE, _BEST, _CURVE = "network.keras", "best.npz", "curve.json"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rows:
    """Texts as word numbers, and the number of each one's label."""

    texts: list[list[int]]
    labels: list[int]


@dataclass(frozen=True, slots=True)
class Lesson:
    """Rows that teach, rows that watch, and how to go about it.

    ``logits`` are what a teacher says to the rows that teach, texts x labels; then these are learnt, and the
    rows' own labels are not.
    """

    teaching: Rows
    watching: Rows
    logits: Probabilities | None
    options: "Options"
    seed: int


@dataclass(frozen=True, slots=True)
class Learnt:
    """The weights at their best, what they answer to the watching rows, and the learning curve."""

    weights: Weights
    watched: Probabilities
    curve: list[dict[str, float]]


@dataclass(slots=True)
class _State:
    """What an epoch changes: the network with its optimiser, the best weights so far, the curve."""

    network: Any
    best: list[npt.NDArray[Any]]
    curve: list[dict[str, float]]


def learn(shape: bilstm_network.Shape, lesson: Lesson, folder: Path | None, progress: Progress) -> Learnt:
    """Train until the watching rows tell of nothing better for a while, or the epochs are over.

    Checkpoints go to ``folder``; if there is one already, the training goes on from it.
    """
    import keras
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(lesson.seed)
    state = _taken_up(folder)
    if state is None:
        network = bilstm_network.build(shape, lesson.options, lesson.seed)
        state = _State(network, network.get_weights(), [])
    wanted = lesson.options
    while len(state.curve) < wanted.epochs and not stopping.is_over(_looks(state.curve), wanted.patience):
        _epoch(state, lesson, progress)
        if folder is not None:
            _keep(state, folder)
    state.network.set_weights(state.best)
    watched = bilstm_network.probabilities(state.network, lesson.watching.texts)
    return Learnt(bilstm_network.weights(state.network), watched, state.curve)


def _epoch(state: _State, lesson: Lesson, progress: Progress) -> None:
    import keras

    number, wanted = len(state.curve), lesson.options
    # Keras draws dropout from these; their state is part of no checkpoint that can be relied on.
    keras.utils.set_random_seed((lesson.seed + number * 7919) % 2**32)
    for layer in state.network.layers:
        if hasattr(layer, "seed_generator"):
            layer.seed_generator.state.assign([lesson.seed % 2**32, number])
    losses = []
    for share, ids, answers in _batches(lesson, number):
        losses.append(float(state.network.train_on_batch(ids, answers)))
        progress(_words(state.curve), (number + share) / wanted.epochs)
    with bilstm_network.averaged(state.network):
        look = _look(state.network, lesson.watching)
        state.curve.append({"step": number + 1, "training_loss": float(np.mean(losses)), **look})
        if stopping.best(_looks(state.curve)) == _looks(state.curve)[-1]:
            state.best = state.network.get_weights()
    _log.info("learning.watched", extra=dict(state.curve[-1]))


def _batches(lesson: Lesson, epoch: int) -> Iterator[tuple[float, npt.NDArray[Any], npt.NDArray[Any]]]:
    """Yield the share that will be done, word numbers and what to answer; some words are made unknown."""
    wanted, rows = lesson.options, lesson.teaching
    answers = np.array(rows.labels) if lesson.logits is None else lesson.logits
    chance = np.random.default_rng([lesson.seed, epoch])
    order = bucketing.order([len(text) for text in rows.texts], wanted.batch, seed=lesson.seed, epoch=epoch)
    for start in range(0, len(order), wanted.batch):
        chosen = order[start : start + wanted.batch]
        ids = bilstm_network.padded([rows.texts[place] for place in chosen])
        ids[(chance.random(ids.shape) < wanted.forget) & (ids > UNKNOWN)] = UNKNOWN
        yield (start + len(chosen)) / len(order), ids, answers[chosen]


def _look(network: Any, rows: Rows) -> Mapping[str, float]:
    from sklearn.metrics import f1_score

    found = bilstm_network.probabilities(network, rows.texts)
    right = found[np.arange(len(found)), rows.labels]
    return {
        "watching_loss": float(-np.log(np.maximum(right, 1e-12)).mean()),
        "watching_macro_f1": float(f1_score(rows.labels, found.argmax(axis=1), average="macro")),
    }


def _looks(curve: list[dict[str, float]]) -> list[stopping.Look]:
    return [stopping.Look(int(at["step"]), at["watching_macro_f1"], at["watching_loss"]) for at in curve]


def _words(curve: list[dict[str, float]]) -> str:
    if not curve:
        return "learning"
    return f"learning, macro-F1 {curve[-1]['watching_macro_f1']:.3f} on the rows that watch"


def _keep(state: _State, folder: Path) -> None:
    """Write a checkpoint, then drop the one before: a crash in between leaves two, never none."""
    epoch = len(state.curve)
    part, whole = folder / "part", folder / f"{_NAME}{epoch}"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    state.network.save(part / _STATE)
    np.savez(part / _BEST, *state.best)
    (part / _CURVE).write_text(json.dumps(state.curve), "utf-8")
    part.rename(whole)
    for path in folder.glob(f"{_NAME}*"):
        if path != whole:
            shutil.rmtree(path)


def _taken_up(folder: Path | None) -> _State | None:
    """Return the state of the last whole checkpoint, if there is one."""
    kept = sorted(folder.glob(f"{_NAME}*"), key=_epoch_of) if folder is not None else []
    if not kept:
        return None
    import keras

    curve = json.loads((kept[-1] / _CURVE).read_text("utf-8"))
    with np.load(kept[-1] / _BEST, allow_pickle=False) as arrays:
        best = [arrays[name] for name in arrays.files]
    _log.info("learning.taken_up", extra={"epoch": len(curve)})
    return _State(keras.models.load_model(kept[-1] / _STATE), best, curve)


def _epoch_of(path: Path) -> int:
    return int(path.name.removeprefix(_NAME))
