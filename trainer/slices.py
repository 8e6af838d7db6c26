"""Kinds of texts on which a model may do worse than on the average. Pure: texts in, masks out.

Signs are words of English and French; a text in another language falls into the slices of length only, and
into that of its language where there are several.
"""

import re
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from trainer.data.language import UNKNOWN, languages
from trainer.data.rows import Row

Mask = npt.NDArray[np.bool_]

#: In words. The medians of review sentences and of tweets lie between.
SHORT, LONG = 8, 20

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_NEGATION = re.compile(
    r"\b(?:not|no|never|nothing|nobody|none|neither|nor|without|hardly|barely|cannot|\w+n['’]t|"
    r"n['’]\w+|ne|pas|jamais|rien|sans|aucune?)\b",
    re.IGNORECASE,
)
_CONTRAST = re.compile(
    r"\b(?:but|however|although|though|despite|yet|except|mais|pourtant|malgré|cependant)\b", re.IGNORECASE
)


def slices_of(rows: Sequence[Row]) -> Mapping[str, Mask]:
    """Return the slices of the rows' texts; where rows are of several sources, also one a source.

    So feedback cannot buy, with its own rows, what it spoils on those of the file.
    """
    found = dict(slices([row.text for row in rows]))
    sources = np.array([row.source for row in rows], dtype=object)
    if len(set(sources)) > 1:
        found |= {source or "the data file": sources == source for source in sorted(set(sources))}
    return found


def slices(texts: Sequence[str]) -> Mapping[str, Mask]:
    """Return one mask a slice. ``simple`` texts are not long and have no twist; others are ``complex``."""
    words = np.array([len(_WORD.findall(text)) for text in texts])
    negated = np.array([bool(_NEGATION.search(text)) for text in texts], dtype=bool)
    turned = np.array([bool(_CONTRAST.search(text)) for text in texts], dtype=bool)
    simple = (words <= LONG) & ~negated & ~turned
    return {
        f"short (up to {SHORT} words)": words <= SHORT,
        "medium": (words > SHORT) & (words <= LONG),
        f"long (over {LONG} words)": words > LONG,
        "negation": negated,
        "contrast": turned,
        "simple": simple,
        "complex": ~simple,
        **_by_language(texts),
    }


def _by_language(texts: Sequence[str]) -> dict[str, Mask]:
    found = np.array(languages(texts))
    return {f"language {code}": found == code for code in sorted(set(found.tolist()) - {UNKNOWN})}
