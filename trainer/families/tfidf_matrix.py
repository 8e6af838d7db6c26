"""What the regression learns from: texts x features, in files, so that it may be larger than memory.

The texts are read twice: to choose the features, and to write the matrix. It is mapped: what has room stays
in memory, and the solver, which goes through all of it in each of its steps, reads the rest again.
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from trainer.errors import BadData, NoRoom

#: Texts whose part of the matrix is made at a time.
TOGETHER = 512
#: So many features are counted for each that can be kept, and this many at least.
CANDIDATES, LEAST_CANDIDATES = 5, 500_000
#: Entries that can be numbered in 32 bits, which are read faster.
_SMALL = 2**31


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The features that are kept, in order, and in how many of ``texts`` texts each occurs."""

    features: list[str]
    counts: npt.NDArray[np.int64]
    texts: int

    @property
    def idf(self) -> npt.NDArray[np.float64]:
        """How rare each feature is, as scikit-learn weighs it: log((1 + texts) / (1 + count)) + 1."""
        weights: npt.NDArray[np.float64] = np.log((1 + self.texts) / (1 + self.counts)) + 1
        return weights


def vocabulary(
    texts: Sequence[str], features: Callable[[str], list[str]], *, most: int, least: int
) -> Vocabulary:
    """Return the ``most`` features that occur in most texts, in ``least`` of them each.

    Raises:
        BadData: there is none.
    """
    found = counted((features(text) for text in texts), max(CANDIDATES * most, LEAST_CANDIDATES))
    common = [feature for feature, count in found.items() if count >= least]
    if not common:
        raise BadData("the training texts have no word in common: add rows")
    kept = sorted(sorted(common, key=lambda feature: (-found[feature], feature))[:most])
    return Vocabulary(kept, np.array([found[feature] for feature in kept]), len(texts))


def counted(texts: Iterable[Iterable[str]], room: int) -> Counter[str]:
    """Count for each feature the texts that have it.

    Of more than ``room`` features the rarer half is forgotten, as often as it takes. So a feature may be
    counted short, at most by the counts up to which features were forgotten (after "lossy counting", Manku
    and Motwani 2002, "Approximate Frequency Counts over Data Streams").
    """
    found: Counter[str] = Counter()
    for text in texts:
        found.update(set(text))
        if len(found) > room:
            counts = np.fromiter(found.values(), np.int64, len(found))
            limit = int(np.partition(counts, len(counts) // 2)[len(counts) // 2])
            found = Counter({feature: count for feature, count in found.items() if count > limit})
    return found


def matrix(texts: Sequence[str], features: Callable[[str], list[str]], known: Vocabulary) -> Any:
    """Return a SciPy CSR matrix, texts x features, of TF-IDF with logarithmic counts and rows of norm 1.

    Raises:
        NoRoom: the folder of temporary files cannot take it.
    """
    from scipy.sparse import csr_matrix
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(analyzer=features, vocabulary=known.features, sublinear_tf=True)
    vectorizer.idf_ = known.idf
    index = np.int32 if known.counts.sum() < _SMALL else np.int64
    ends = np.zeros(len(texts) + 1, index)
    with ExitStack() as stack:
        # They have no names, and go with their mappings.
        columns, weights = (
            stack.enter_context(tempfile.TemporaryFile(prefix="barometer-")) for _ in range(2)
        )
        for start in range(0, len(texts), TOGETHER):
            part = vectorizer.transform(texts[start : start + TOGETHER])
            ends[start + 1 : start + 1 + part.shape[0]] = ends[start] + part.indptr[1:]
            _write(columns, part.indices.astype(index))
            _write(weights, part.data)
        # Not by the constructor, which would look through all indices and may copy them.
        whole = csr_matrix((len(texts), len(known.features)))
        whole.indptr, whole.indices, whole.data = ends, _mapped(columns, index), _mapped(weights, np.float64)
    return whole


def _write(file: IO[bytes], values: npt.NDArray[Any]) -> None:
    try:
        file.write(values.data)
        file.flush()
    except OSError as error:
        raise NoRoom(
            f"the texts' features cannot be laid by: {error.strerror}; TMPDIR names another folder"
        ) from error


def _mapped(file: IO[bytes], kind: npt.DTypeLike) -> npt.NDArray[Any]:
    return np.memmap(file, kind, "r") if file.tell() else np.zeros(0, kind)
