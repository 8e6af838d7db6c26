"""Whether what comes in, or what is answered, is no longer what it was. Pure: two samples in, figures out.

A difference counts when it is large *and* significant *and* both samples are: with many texts every trifle is
significant, with few of them chance looks large.

Labels and languages: population stability index, chi-square test. Scores and sizes: Kolmogorov and
Smirnov's distance and test. Texts: a classifier that tells old from new, by its cross-validated area under
the ROC curve (Rabanser, Günnemann and Lipton 2019); the p-value is Mann and Whitney's, the same statistic.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from math import log, sqrt
from typing import Any

import numpy as np
from scipy import stats

#: Conventional: below 0.1 stable, above 0.25 shifted.
PSI = 0.25
#: Distance between two distribution functions, in [0, 1].
KS = 0.15
#: 0.5 is guessing. A classifier of texts finds some difference between any two weeks.
AUC = 0.65
P_VALUE = 0.01
#: A share of nothing would make the index infinite.
SMALLEST_SHARE = 1e-4
#: Rarer languages are compared as one: among 97 a detector finds a few that nobody wrote.
COMMON_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Sample:
    """Answers of one version: label and score of each, sizes in characters; texts and theirs if kept."""

    labels: Sequence[str]
    scores: Sequence[float]
    sizes: Sequence[float] = ()
    texts: Sequence[str] = ()
    languages: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Drift:
    """One comparison. ``effect`` is in the unit of its measure, and ``limit`` what it must not exceed."""

    what: str
    measure: str
    effect: float
    limit: float
    p_value: float
    rows: int

    @property
    def is_drift(self) -> bool:
        """Whether the difference is large and significant."""
        return self.effect > self.limit and self.p_value < P_VALUE

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        return {**asdict(self), "is_drift": self.is_drift}


def drifts(reference: Sample, current: Sample, minimum: int) -> Iterator[Drift]:
    """Yield a comparison of all that both samples hold ``minimum`` of."""
    if _enough(reference.labels, current.labels, minimum):
        yield kinds_drift("labels", reference.labels, current.labels)
    for what in ("scores", "sizes"):
        old, new = getattr(reference, what), getattr(current, what)
        if _enough(old, new, minimum):
            yield distance(what, old, new)
    if _enough(reference.languages, current.languages, minimum):
        yield language_drift(reference.languages, current.languages)
    if _enough(reference.texts, current.texts, minimum):
        yield text_drift(reference.texts, current.texts)


def language_drift(old: Sequence[str], new: Sequence[str]) -> Drift:
    """Compare how often texts were in each language."""
    common = _common(old) | _common(new)
    folded = ([one if one in common else "others" for one in found] for found in (old, new))
    return kinds_drift("languages", *folded)


def _common(languages: Sequence[str]) -> set[str]:
    return {one for one, count in Counter(languages).items() if count >= COMMON_SHARE * len(languages)}


def kinds_drift(what: str, old: Sequence[str], new: Sequence[str]) -> Drift:
    """Compare how often each kind occurred: a label, a language."""
    before, after = Counter(old), Counter(new)
    kinds = sorted(before | after)
    shares = [
        (max(before[kind] / len(old), SMALLEST_SHARE), max(after[kind] / len(new), SMALLEST_SHARE))
        for kind in kinds
    ]
    psi = sum((b - a) * log(b / a) for a, b in shares)
    table = [[before[kind] for kind in kinds], [after[kind] for kind in kinds]]
    # One kind alone leaves nothing to test.
    p_value = float(stats.chi2_contingency(table).pvalue) if len(kinds) > 1 else 1.0
    return Drift(what, "psi", psi, PSI, p_value, len(new))


def distance(what: str, old: Sequence[float], new: Sequence[float]) -> Drift:
    """Compare two distributions of numbers."""
    found = stats.ks_2samp(old, new)
    return Drift(what, "ks", float(found.statistic), KS, float(found.pvalue), len(new))


def text_drift(old: Sequence[str], new: Sequence[str]) -> Drift:
    """Compare texts by how well a classifier tells new from old."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline

    is_new = np.array([0] * len(old) + [1] * len(new))
    # Characters, so that it works for any language, also one without spaces.
    words = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 3), max_features=5_000, sublinear_tf=True)
    model = make_pipeline(words, LogisticRegression(max_iter=200))
    guesses = cross_val_predict(model, [*old, *new], is_new, cv=3, method="predict_proba")[:, 1]
    auc = float(roc_auc_score(is_new, guesses))
    spread = sqrt((len(old) + len(new) + 1) / (12 * len(old) * len(new)))
    return Drift("texts", "auc", auc, AUC, float(stats.norm.sf((auc - 0.5) / spread)), len(new))


def _enough(old: Sequence[Any], new: Sequence[Any], minimum: int) -> bool:
    return min(len(old), len(new)) >= minimum
