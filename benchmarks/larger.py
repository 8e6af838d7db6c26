"""Files larger than memory: what learning from them takes, we and scikit-learn as everybody uses it.

``python -m benchmarks.larger --mb 20 --mb 100 --mb 500``. Texts are of the packaged corpus' sentences, ten
each. Both learn TF-IDF features and a logistic regression of them, each in a process of its own; its memory
is what no file stands behind (``RssAnon``), which the kernel cannot take back. scikit-learn holds all texts
and their matrix, so it has the smaller files only (``--peer-mb``).
"""

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import machine, report
from benchmarks.rows import STARTER, read

SENTENCES = 10
LOOKS_S = 0.05

_OURS = """
import sys, tempfile
from pathlib import Path
from trainer.data.files import Columns
from trainer.data.stored import Texts
from trainer.families import tfidf
from trainer.preparing import prepare
rows = prepare(Path(sys.argv[1]), None, Columns()).training
with tempfile.TemporaryDirectory() as folder:
    tfidf.train(Texts(rows), [row.label for row in rows], seed=0, folder=Path(folder))
"""
_PEER = """
import json, sys
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
rows = [json.loads(line) for line in open(sys.argv[1])]
vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2, max_features=100_000)
matrix = vectorizer.fit_transform([row["text"] for row in rows])
LogisticRegression(max_iter=1000).fit(matrix, [row["label"] for row in rows])
"""


@dataclass(frozen=True, slots=True)
class Learnt:
    """One training from a file of ``mb`` megabytes."""

    who: str
    mb: float
    rows: int
    seconds: float
    peak_mb: float

    def cells(self) -> list[str]:
        """Return the row of the table."""
        ratio = f"{self.peak_mb / self.mb:.2f}"
        return [
            self.who,
            f"{self.mb:,.0f}",
            f"{self.rows:,}",
            f"{self.seconds:.0f}",
            f"{self.peak_mb:,.0f}",
            ratio,
        ]


def main(
    mb: Annotated[list[int], typer.Option(help="Size of a file to learn from, in megabytes.")],
    peer_mb: Annotated[int, typer.Option(help="The largest file that scikit-learn is given.")] = 100,
) -> None:
    """Make files, learn from them, and write the table."""
    on, found = machine.here(), []
    for size in mb:
        with tempfile.TemporaryDirectory(prefix="barometer-") as folder:
            path = Path(folder) / "texts.jsonl"
            rows = write(path, size)
            for who, code in (("Barometer", _OURS), ("scikit-learn", _PEER)):
                if who == "Barometer" or size <= peer_mb:
                    print(f"{who}: {size} MB", file=sys.stderr)
                    seconds, peak = watched([sys.executable, "-W", "ignore", "-c", code, str(path)])
                    found.append(Learnt(who, path.stat().st_size / 1e6, rows, seconds, peak / 1e6))
    head = ["learns", "file, MB", "rows", "s", "memory, MB", "memory / file"]
    table = report.table(head, [one.cells() for one in found])
    report.write("larger", on, [table], {"learnt": [asdict(one) for one in found]})


def write(path: Path, mb: int) -> int:
    """Write a file of about so many megabytes; return its rows."""
    corpus = read(STARTER)
    sentences = {
        label: [row.text for row in corpus if row.label == label] for label in ("negative", "positive")
    }
    chance, rows = random.Random(0), 0
    with path.open("w", encoding="utf-8") as file:
        while file.tell() < mb * 1e6:
            label = ("negative", "positive")[rows % 2]
            text = " ".join(chance.choices(sentences[label], k=SENTENCES))
            file.write(json.dumps({"text": text, "label": label}) + "\n")
            rows += 1
    return rows


def watched(command: Sequence[str]) -> tuple[float, int]:
    """Run a command; return its seconds and the most anonymous memory that it was seen to hold, in bytes.

    Raises:
        SystemExit: it failed.
    """
    begun, peak = time.monotonic(), 0
    process = subprocess.Popen(command)
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        line = next((line for line in status.read_text().splitlines() if line.startswith("RssAnon")), "")
        peak = max(peak, int(line.split()[1]) * 1024 if line else 0)
        time.sleep(LOOKS_S)
    if process.returncode:
        raise SystemExit(f"{command[0]} ended with {process.returncode}")
    return time.monotonic() - begun, peak


if __name__ == "__main__":
    typer.run(main)
