"""The TF-IDF + logistic regression model as it travels: MLflow loads this file, beside its artefacts.

It imports nothing of ours, so that it runs wherever MLflow and numpy do, and reads JSON and plain arrays
only, never pickle. Training asks the same ``features``, so what was learnt is what is read.

Scoring is written out instead of asked of scikit-learn: a text of 17 words costs 22 us in a batch of 64 and
70 us alone, and a serving host does without scikit-learn.
"""

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel
from pydantic import BaseModel

#: A word, a run of ! and ?, an emoticon, or any other sign that is no mere punctuation, such as an emoji.
TOKEN = re.compile(r"\w+|[!?]+|[:;=][-']?[()dp/|]+|<3|[^\w\s.,\-\"'#@&/:;()…*“”‘’]")
#: What turns the words after it: "not good" is no kind of "good". ``t`` is what is left of "don't".
NEGATIONS = frozenset(
    (
        *("not", "no", "never", "without", "cannot", "nothing", "nobody", "none", "hardly", "barely", "t"),
        *("nt", "dont", "doesnt", "didnt", "wont", "isnt", "wasnt", "cant", "couldnt"),
    )
)
#: How many words a negation turns, unless a sign ends it.
SCOPE = 3
#: Longer words also count by their first letters, so that "loved" tells of "loving".
STEM = 5


class Answer(BaseModel):
    """The shape of one answer; MLflow writes the registry's signature from it."""

    label: str
    score: float
    scores: dict[str, float]


def features(text: str) -> list[str]:
    """Return the words of a text (``!word`` where negated), pairs of neighbours, and stems (``stem*``)."""
    words, stems, turned = [], [], 0
    for token in TOKEN.findall(text.lower()):
        word = token
        if not token[0].isalpha():
            turned = 0
        else:
            mark = ""
            if turned:
                mark, turned = "!", turned - 1
                word = mark + token
            if len(token) > STEM:
                stems.append(f"{mark}{token[:STEM]}*")
            if token in NEGATIONS:
                turned = SCOPE
        words.append(word)
    pairs = [f"{one} {next_one}" for one, next_one in pairwise(words)]
    return words + pairs + stems


def spans(text: str) -> list[tuple[int, int]]:
    """Return where in the text each of its tokens begins and ends, in characters."""
    # A few letters become two when lowered ("İ"): what is found in the lowered text is traced back.
    origin = [place for place, letter in enumerate(text) for _ in letter.lower()]
    return [(origin[found.start()], origin[found.end() - 1] + 1) for found in TOKEN.finditer(text.lower())]


def owners(tokens: list[str]) -> list[tuple[int, ...]]:
    """Return, for each of the ``features`` of these tokens, the tokens it was made of."""
    alone = [(place,) for place in range(len(tokens))]
    stems = [(place,) for place, token in enumerate(tokens) if token[0].isalpha() and len(token) > STEM]
    return [*alone, *pairwise(range(len(tokens))), *stems]


class TfidfModel(PythonModel):  # type: ignore[misc]  # MLflow carries no types
    """Labels, vocabulary and weights, and how they make probabilities."""

    def load_context(self, context: Any) -> None:
        """Read the artefacts; ``context.artifacts`` maps their names to paths."""
        self.load(context.artifacts)

    def load(self, artifacts: dict[str, str]) -> None:
        """Read labels, vocabulary and weights."""
        self.labels: list[str] = json.loads(Path(artifacts["labels"]).read_text("utf-8"))
        terms = json.loads(Path(artifacts["vocabulary"]).read_text("utf-8"))
        self.columns = {term: column for column, term in enumerate(terms)}
        with np.load(artifacts["weights"], allow_pickle=False) as weights:
            self.idf: npt.NDArray[np.float64] = weights["idf"]
            self.coefficients: npt.NDArray[np.float64] = weights["coefficients"]
            self.intercepts: npt.NDArray[np.float64] = weights["intercepts"]

    def probabilities(self, texts: list[str]) -> npt.NDArray[np.float64]:
        """Return one row a text, one column a label, each row summing to 1."""
        rows, columns, counts = self._count(texts)
        weights = (1.0 + np.log(counts)) * self.idf[columns]
        norms = np.sqrt(np.bincount(rows, weights * weights, len(texts)))
        norms[norms == 0] = 1.0
        scores = np.empty((len(texts), len(self.labels)))
        for label, (coefficients, intercept) in enumerate(
            zip(self.coefficients, self.intercepts, strict=True)
        ):
            scores[:, label] = (
                np.bincount(rows, weights * coefficients[columns], len(texts)) / norms + intercept
            )
        powers: npt.NDArray[np.float64] = np.exp(scores - scores.max(axis=1, keepdims=True))
        powers /= powers.sum(axis=1, keepdims=True)
        return powers

    def predict(
        self,
        context: Any,  # noqa: ARG002  # MLflow's signature
        model_input: list[str],
        params: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> list[Answer]:
        """Answer each text: its label, the label's probability, and all probabilities, highest first."""
        answers = []
        for row in self.probabilities(model_input).tolist():
            ranked = sorted(zip(self.labels, row, strict=True), key=lambda pair: -pair[1])
            label, score = ranked[0]
            answers.append({"label": label, "score": score, "scores": dict(ranked)})
        # Plain dicts of that shape: building objects would cost more than predicting.
        return cast("list[Answer]", answers)

    def explain(self, text: str) -> list[dict[str, Any]]:
        """Return each token with its weight towards the predicted label: ``token, start, end, weight``.

        Coefficient times TF-IDF, of the label against the mean of the others. The model is linear, so this is
        exact: the weights add up to the label's lead in log-odds, less the lead of the intercepts. A pair's
        weight is shared by its two words, a stem's is its word's.
        """
        found = features(text)
        weights = [0.0] * len(found)
        _, columns, counts = self._count([text])
        if len(columns):
            tfidf = (1.0 + np.log(counts)) * self.idf[columns]
            tfidf /= np.sqrt(tfidf @ tfidf)
            each = dict(
                zip(columns.tolist(), (tfidf * self._lead(text)[columns] / counts).tolist(), strict=True)
            )
            weights = [each.get(self.columns.get(feature, -1), 0.0) for feature in found]
        places = spans(text)
        shares = [0.0] * len(places)
        tokens = TOKEN.findall(text.lower())
        for weight, owner in zip(weights, owners(tokens), strict=True):
            for place in owner:
                shares[place] += weight / len(owner)
        return [
            {"token": text[start:end], "start": start, "end": end, "weight": weight}
            for (start, end), weight in zip(places, shares, strict=True)
        ]

    def _lead(self, text: str) -> npt.NDArray[np.float64]:
        """Return each feature's coefficient for the predicted label, less the mean of the other labels'."""
        label = int(self.probabilities([text])[0].argmax())
        others = np.delete(self.coefficients, label, axis=0)
        lead: npt.NDArray[np.float64] = self.coefficients[label] - others.mean(axis=0)
        return lead

    def _count(
        self, texts: list[str]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Return the known features of all texts: row, column and count of each, ordered by row."""
        lookup, width = self.columns.get, len(self.columns) or 1
        found = [
            row * width + column
            for row, text in enumerate(texts)
            for feature in features(text)
            if (column := lookup(feature)) is not None
        ]
        cells, counts = np.unique(np.array(found, dtype=np.int64), return_counts=True)
        return cells // width, cells % width, counts.astype(np.float64)


set_model(TfidfModel())
