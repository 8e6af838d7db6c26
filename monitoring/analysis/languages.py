"""Which languages texts are in. The only file that knows py3langid.

A model of 97 languages in the package itself, no network; 0.1 ms a text (docs/experiments.md says beside what
it was chosen). It answers something for any text, so what it is not sure of is nobody's language here: of
English and French tweets and reviews two in a thousand have another's name then, and one in twelve has none.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

from py3langid.langid import MODEL_FILE, LanguageIdentifier

#: What nobody can tell (ISO 639-2): too short, no words, several languages.
UNDETERMINED = "und"
#: A language counts from this probability on.
SURE = 0.5
#: The beginning is enough; a text may be a book.
READ = 1_000


def detected(texts: Sequence[str]) -> Iterator[str]:
    """Yield the language of each text as its ISO 639-1 code (639-3 where there is none)."""
    if not texts:
        # The tables take half a second to read.
        return
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    for text in texts:
        language, probability = identifier.classify(text[:READ])
        yield str(language) if probability >= SURE else UNDETERMINED


def shares(found: Sequence[str]) -> dict[str, float] | None:
    """Return each language's share, the most frequent first; None of nothing."""
    return {language: count / len(found) for language, count in Counter(found).most_common()} or None
