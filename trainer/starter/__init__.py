"""The packaged corpus, so that a new installation has something to serve."""

from pathlib import Path

#: Columns ``text,label,domain``; labels ``negative`` and ``positive``.
CORPUS = Path(__file__).parent / "corpus.csv"
