"""Which language texts are in, by py3langid: a model of 140 languages that comes in its package."""

from collections.abc import Sequence

#: Texts looked at: single short ones mislead, and two hundred of any file tell.
SAMPLE = 200
#: Undetermined, as ISO 639-2 has it.
UNKNOWN = "und"
#: A sample whose most frequent language has a smaller share is mixed, and no language's.
SHARE = 0.5


def language(texts: Sequence[str]) -> str:
    """Return the ISO 639-1 code of the language of most texts, or ``UNKNOWN``."""
    found = shares(texts)
    if not found:
        return UNKNOWN
    first, share = next(iter(found.items()))
    return first if share >= SHARE else UNKNOWN


def shares(texts: Sequence[str]) -> dict[str, float]:
    """Return each language's share of a sample of the texts, the greatest first."""
    # Its tables take 0.2 s to read, which --help must not pay.
    import py3langid

    step = max(len(texts) // SAMPLE, 1)
    # Ten neighbours together: three words alone are any language.
    sample = texts[::step][:SAMPLE]
    pieces = [" ".join(sample[start : start + 10]) for start in range(0, len(sample), 10)]
    counts: dict[str, int] = {}
    for piece in pieces:
        if piece.strip():
            code = str(py3langid.classify(piece[:2_000])[0])
            counts[code] = counts.get(code, 0) + 1
    whole = sum(counts.values())
    return {code: count / whole for code, count in sorted(counts.items(), key=lambda item: -item[1])}
