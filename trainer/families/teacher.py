"""A trained model that teaches another: what it answers to the texts the other learns from.

Knowledge distillation (Hinton et al. 2015, "Distilling the Knowledge in a Neural Network"; into an LSTM: Tang
et al. 2019, "Distilling Task-Specific Knowledge from BERT into Simple Neural Networks"). Knows how a teacher
is found, asked and remembered; what is made of its answers is the learner's. No text is kept: an answer is
found again by the hash of its text.
"""

import re
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from mlflow.exceptions import MlflowException
from mlflow.models import get_model_info

from trainer.apart import apart
from trainer.errors import BadRequest
from trainer.families.family import Probabilities, Progress

#: What names one model for ever. An alias or "latest" would name another one tomorrow.
_FIXED = re.compile(r"models:/[^/@]+/\d+|models:/m-\w+|runs:/\w+/.+")
#: Below this a teacher is as good as certain; its logit would pull at everything else.
_LEAST = 1e-6
#: Words of a text that is worth a copy; shorter ones are among the parts of others.
_LONG = 10
#: Share of a copy's words that are not there.
_LEFT_OUT = 0.1
#: Texts between two commits: seconds of work that a crash may cost.
_TOGETHER = 512


@dataclass(frozen=True, slots=True)
class Teacher:
    """One model: where it is, MLflow's id of it, and of the run that trained it ("" where none did)."""

    uri: str
    model: str
    run: str


@dataclass(frozen=True, slots=True)
class _Questions:
    """What the process apart is told."""

    teacher: Teacher
    texts: Sequence[str]
    labels: tuple[str, ...]
    store: Path


def find(uri: str) -> Teacher:
    """Look a teacher up.

    Raises:
        BadRequest: there is none, or it is named by something that moves.
    """
    if not _FIXED.fullmatch(uri) and not Path(uri).is_dir():
        raise BadRequest(
            f"'{uri}' is no teacher: name models:/NAME/VERSION, runs:/RUN/model or a model's folder, "
            "and no alias, which may mean another model tomorrow"
        )
    try:
        info = get_model_info(uri)
    except MlflowException as error:
        raise BadRequest(f"there is no teacher {uri} that MLflow knows") from error
    return Teacher(uri, info.model_uuid, info.run_id or "")


def answers(
    teacher: Teacher, texts: Sequence[str], labels: Sequence[str], cache: Path | None, progress: Progress
) -> Probabilities:
    """Return what the teacher answers: texts x labels, in the order of ``labels``.

    What it was asked before is not asked again; ``cache`` is a folder that remembers it.

    Raises:
        BadRequest: it knows other labels.
        ModelUnusable, TrainingDied: it does not load or answer.
    """
    names = tuple(sorted(labels))
    with ExitStack() as stack:
        root = cache or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="barometer-")))
        folder = root / f"taught-{sha256(repr((teacher.model, names)).encode()).hexdigest()[:32]}"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        store = folder / "answers.sqlite"
        if _unanswered(store, texts):
            process = stack.enter_context(apart())
            process.call(_ask, _Questions(teacher, texts, names, store), progress)
        return _read(store, texts)[:, [names.index(label) for label in labels]]


def varied(texts: Sequence[str], copies: int, seed: int) -> list[str]:
    """Return further texts to ask about: so many copies of each longer one, with words left out at random.

    Tang et al. 2019 hide words likewise (their ``p_mask``); what they found most of their gain in is that a
    pupil sees more than the rows, as a teacher needs no labels. Left out and not hidden, because teachers of
    other families know no mask. The same seed gives the same texts, and no text twice.
    """
    chance, found = np.random.default_rng(seed), dict.fromkeys(texts)
    for text in texts:
        words = text.split()
        if len(words) < _LONG:
            continue
        for kept in chance.random((copies, len(words))) >= _LEFT_OUT:
            found.setdefault(" ".join(word for word, is_kept in zip(words, kept, strict=True) if is_kept))
    return [text for text in list(found)[len(set(texts)) :] if text]


def logits(said: Probabilities) -> Probabilities:
    """Return what a softmax would make these probabilities of: each row centred on zero."""
    found = np.log(np.maximum(said, _LEAST))
    centred: Probabilities = found - found.mean(axis=1, keepdims=True)
    return centred


def _ask(asked: _Questions, progress: Progress) -> None:
    """Ask the teacher what it was not asked before. Runs in the process apart."""
    from trainer.registry import loaded

    left = _unanswered(asked.store, asked.texts)
    model = loaded(asked.teacher.uri, f"the teacher {asked.teacher.uri}")
    if model.labels != asked.labels:
        raise BadRequest(
            f"the teacher knows {', '.join(model.labels)}, the rows are of {', '.join(asked.labels)}: "
            "take a teacher of the same labels"
        )
    for start in range(0, len(left), _TOGETHER):
        texts = left[start : start + _TOGETHER]
        rows = model.probabilities(texts)
        with closing(_opened(asked.store)) as store, store:
            pairs = [(_hash(text), row.tobytes()) for text, row in zip(texts, rows, strict=True)]
            store.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?)", pairs)
        progress("asking the teacher", (start + len(texts)) / len(left))


def _unanswered(store: Path, texts: Sequence[str]) -> list[str]:
    with closing(_opened(store)) as known:
        there = {found for (found,) in known.execute("SELECT text FROM answers")}
    return [text for text in dict.fromkeys(texts) if _hash(text) not in there]


def _read(store: Path, texts: Sequence[str]) -> Probabilities:
    with closing(_opened(store)) as known:
        there = dict(known.execute("SELECT text, scores FROM answers"))
    return np.stack([np.frombuffer(there[_hash(text)], dtype=np.float64) for text in texts])


def _opened(store: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(store)
    connection.execute(
        "CREATE TABLE IF NOT EXISTS answers (text BLOB PRIMARY KEY, scores BLOB) WITHOUT ROWID"
    )
    return connection


def _hash(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()
