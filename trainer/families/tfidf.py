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

from trainer.errors import BadData
from trainer.families import options
from trainer.families.family import AS_USUAL, Fitted, Plan

#: Inverse strength of the regression's L2 penalty, and what naive Bayes adds. Of C from 1 to 8 and 0 to 2
#: times naive Bayes, this pair leaves the least calibration error on the starter's own field (0.04) and on
#: three others (0.02 to 0.09) together, within half a point of the best accuracy. A temperature fitted by
#: cross-validation was better at home (0.02) and far worse elsewhere (0.12 to 0.20), so there is none.
C = 1.0
BAYES = 1.0
#: A feature seen in one text only costs size and tells next to nothing.
MIN_TEXTS = 2
MAX_FEATURES = 100_000

_FILES = {"labels": "labels.json", "vocabulary": "vocabulary.json", "weights": "weights.npz"}


def train(
    texts: Sequence[str], labels: Sequence[str], *, seed: int, folder: Path, plan: Plan = AS_USUAL
) -> Fitted:
    """Fit on the texts and write the artefacts of ``tfidf_model`` to ``folder``.

    Raises:
        BadData: no feature occurs in two texts.
        BadRequest: there is no such option.
    """
    options.read(options.Options, plan.options, "tfidf")
    # Seconds of imports that `--help` must not pay.
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import MultinomialNB
    from threadpoolctl import threadpool_limits

    from trainer.families import tfidf_model

    vectorizer = TfidfVectorizer(
        analyzer=tfidf_model.features, sublinear_tf=True, min_df=MIN_TEXTS, max_features=MAX_FEATURES
    )
    try:
        matrix = vectorizer.fit_transform(texts)
    except ValueError as error:
        raise BadData("the training texts have no word in common: add rows") from error
    # More threads only wait for each other on vectors of this size: 0.1 s became 0.3 to 9 s on two cores.
    with threadpool_limits(1):
        classifier = LogisticRegression(C=C, max_iter=1000, random_state=seed).fit(matrix, labels)
    coefficients, intercepts = classifier.coef_, classifier.intercept_
    if len(coefficients) == 1:
        # Two labels have one score s; the softmax of (-s/2, s/2) is its sigmoid.
        coefficients = np.vstack([-coefficients / 2, coefficients / 2])
        intercepts = np.hstack([-intercepts / 2, intercepts / 2])
    told = MultinomialNB().fit(matrix, labels).feature_log_prob_
    coefficients = coefficients + BAYES * (told - told.mean(axis=0))
    artifacts = {name: folder / file for name, file in _FILES.items()}
    artifacts["labels"].write_text(json.dumps(classifier.classes_.tolist()), "utf-8")
    artifacts["vocabulary"].write_text(json.dumps(vectorizer.get_feature_names_out().tolist()), "utf-8")
    np.savez(artifacts["weights"], idf=vectorizer.idf_, coefficients=coefficients, intercepts=intercepts)
    model = tfidf_model.TfidfModel()
    model.load({name: str(path) for name, path in artifacts.items()})
    return Fitted(
        labels=tuple(model.labels),
        parameters={"C": C, "bayes": BAYES, "min_texts": MIN_TEXTS, "features": len(model.columns)},
        code=Path(tfidf_model.__file__),
        artifacts=artifacts,
        requirements=tuple(
            f"{package}=={version(package)}" for package in ("mlflow-skinny", "numpy", "pydantic")
        ),
        probabilities=lambda texts: model.probabilities(list(texts)),
    )
