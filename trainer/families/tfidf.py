"""TF-IDF + logistic regression: seconds to train on a small machine, microseconds to answer.

The weights are those of the regression plus the log-ratios of naive Bayes (after Wang and Manning 2012,
"Baselines and Bigrams"): the regression settles what the field of the training texts settles, naive Bayes
keeps the weight of words it saw too seldom to need. On texts of other fields this is worth two to three
points of accuracy (docs/experiments.md).

Knows scikit-learn; refuses to know where the texts come from and where the model goes.
"""

import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator

from trainer.families import options
from trainer.families.family import AS_USUAL, Fitted, Plan

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Numbers = npt.NDArray[np.int64]

#: A feature seen in one text only costs size and tells next to nothing.
MIN_TEXTS = 2
#: What ``C=auto`` chooses from, on so many texts at most, in so many parts.
CHOICES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
CHOSEN_ON = 10_000
FOLDS = 3

_FILES = {"labels": "labels.json", "vocabulary": "vocabulary.json", "weights": "weights.npz"}


class Options(options.Options):
    """What can be set.

    Of C from 1 to 8 and 0 to 2 times naive Bayes, the defaults leave the least calibration error on the
    starter's own field (0.04) and on three others (0.02 to 0.09) together, within half a point of the best
    accuracy. A temperature fitted by cross-validation was better at home (0.02) and far worse elsewhere (0.12
    to 0.20), so there is none.
    """

    C: float | Literal["auto"] = Field(
        1.0, description="Inverse strength of the regression's L2 penalty; auto cross-validates."
    )
    bayes: float = Field(1.0, ge=0, description="How much of naive Bayes is added.")
    features: int = Field(100_000, ge=1, description="The commonest features that are kept, at most.")

    @field_validator("C")
    @classmethod
    def _positive(cls, value: float | str) -> float | str:
        if not isinstance(value, str) and value <= 0:
            raise ValueError("must be above 0, or auto")
        return value


def train(
    texts: Sequence[str], labels: Sequence[str], *, seed: int, folder: Path, plan: Plan = AS_USUAL
) -> Fitted:
    """Fit on the texts and write the artefacts of ``tfidf_model`` to ``folder``.

    The texts are gone through twice, and never all in memory.

    Raises:
        BadData: no feature occurs in two texts.
        BadRequest: an option is wrong.
        NoRoom: the folder of temporary files is full.
    """
    wanted = options.read(Options, plan.options, "tfidf")
    # Seconds of imports that `--help` must not pay.
    import numpy as np
    from threadpoolctl import threadpool_limits

    from trainer.families import tfidf_matrix, tfidf_model

    known = tfidf_matrix.vocabulary(texts, tfidf_model.features, most=wanted.features, least=MIN_TEXTS)
    matrix = tfidf_matrix.matrix(texts, tfidf_model.features, known)
    names = sorted(set(labels))
    numbers = {name: number for number, name in enumerate(names)}
    told = np.fromiter((numbers[label] for label in labels), np.int64, len(labels))
    # More threads only wait for each other on vectors of this size: 0.1 s became 0.3 to 9 s on two cores.
    with threadpool_limits(1):
        strength = _chosen(matrix, told, wanted, seed) if wanted.C == "auto" else wanted.C
        _, coefficients, intercepts = _weights(matrix, told, strength, wanted.bayes, seed)
    artifacts = {name: folder / file for name, file in _FILES.items()}
    artifacts["labels"].write_text(json.dumps(names), "utf-8")
    artifacts["vocabulary"].write_text(json.dumps(known.features), "utf-8")
    np.savez(artifacts["weights"], idf=known.idf, coefficients=coefficients, intercepts=intercepts)
    model = tfidf_model.TfidfModel()
    model.load({name: str(path) for name, path in artifacts.items()})
    return Fitted(
        labels=tuple(model.labels),
        parameters={
            "C": strength,
            "bayes": wanted.bayes,
            "min_texts": MIN_TEXTS,
            "features": len(model.columns),
        },
        code=Path(tfidf_model.__file__),
        artifacts=artifacts,
        requirements=tuple(
            f"{package}=={version(package)}" for package in ("mlflow-skinny", "numpy", "pydantic")
        ),
        probabilities=lambda texts: model.probabilities(list(texts)),
    )


def _weights(
    matrix: Any, labels: "Numbers", strength: float, bayes: float, seed: int
) -> tuple["Numbers", Any, Any]:
    """Return the labels there are, and each one's coefficients and intercept."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import MultinomialNB

    classifier = LogisticRegression(C=strength, max_iter=1000, random_state=seed).fit(matrix, labels)
    coefficients, intercepts = classifier.coef_, classifier.intercept_
    if len(coefficients) == 1:
        # Two labels have one score s; the softmax of (-s/2, s/2) is its sigmoid.
        coefficients = np.vstack([-coefficients / 2, coefficients / 2])
        intercepts = np.hstack([-intercepts / 2, intercepts / 2])
    told = MultinomialNB().fit(matrix, labels).feature_log_prob_
    return classifier.classes_, coefficients + bayes * (told - told.mean(axis=0)), intercepts


def _chosen(matrix: Any, labels: "Numbers", wanted: Options, seed: int) -> float:
    """Return the strength of the least log loss, cross-validated on the training texts."""
    import numpy as np
    from sklearn.model_selection import StratifiedKFold

    few = np.random.default_rng(seed).permutation(len(labels))[:CHOSEN_ON]
    losses = dict.fromkeys(CHOICES, 0.0)
    for taught, asked in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(few, labels[few]):
        for strength in CHOICES:
            there, coefficients, intercepts = _weights(
                matrix[few[taught]], labels[few[taught]], strength, wanted.bayes, seed
            )
            scores = matrix[few[asked]] @ coefficients.T + intercepts
            scores -= np.logaddexp.reduce(scores, axis=1, keepdims=True)
            right = np.searchsorted(there, labels[few[asked]])
            losses[strength] -= float(scores[np.arange(len(right)), right].mean())
    return min(losses, key=lambda strength: losses[strength])
