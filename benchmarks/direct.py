"""The registered model without the service: what it answers, and how long one text takes it.

A process of its own, as the worker is one. Run by ``ask``; reads texts as JSON on stdin, prints a ``Said``.
"""

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass

from benchmarks.report import percentile
from contract.registry import DEFAULT_MODEL, model_uri

#: Calls before the clock runs.
WARM_UP = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One label a text, in order; ``latencies_ms`` sorted, of calls with one text each."""

    labels: list[str]
    known_labels: list[str]
    latencies_ms: list[float]

    @property
    def p50(self) -> float:
        """Milliseconds."""
        return percentile(self.latencies_ms, 0.5)

    @property
    def p99(self) -> float:
        """Milliseconds."""
        return percentile(self.latencies_ms, 0.99)

    def summary(self) -> dict[str, float]:
        """Return what is worth keeping."""
        return {"calls": len(self.latencies_ms), "p50_ms": self.p50, "p99_ms": self.p99}


def ask(mlflow: str, texts: list[str]) -> Said:
    """Ask the champion of the MLflow server at this address, one text a call."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.direct"],
        input=json.dumps(texts),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "MLFLOW_TRACKING_URI": mlflow, "MLFLOW_DISABLE_TELEMETRY": "true"},
    )
    return Said(**json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    import mlflow

    texts = json.load(sys.stdin)
    # Past MLflow's schema check, as the worker calls it.
    model = mlflow.pyfunc.load_model(model_uri(DEFAULT_MODEL)).unwrap_python_model()
    answers = []
    latencies = []
    for text in [*texts[:WARM_UP], *texts]:
        begun = time.perf_counter()
        answers.append(model.predict(None, [text])[0])
        latencies.append((time.perf_counter() - begun) * 1e3)
    labels = [answer["label"] for answer in answers][-len(texts) :]
    known = sorted(answers[0]["scores"])
    said = Said(labels=labels, known_labels=known, latencies_ms=sorted(latencies[-len(texts) :]))
    print(json.dumps(asdict(said)))


if __name__ == "__main__":
    main()
