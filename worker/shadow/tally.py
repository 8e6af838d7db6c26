"""What came of the comparisons, counted. Pure: answers of both in, sums for Redis and an event out."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from contract import shadow
from contract.latencies import bucket, quantile
from contract.shadow import Shadow
from worker.shadow.sampling import Sample


class Tally:
    """Sums since they were last told."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._sums = {shadow.WORKER_S: 0.0, shadow.APART: 0.0, shadow.SPENT_S: 0.0}

    def __bool__(self) -> bool:
        """Tell whether there is anything to say."""
        return self._counts.total() > 0

    def passed(self, texts: int, seconds: float) -> None:
        """Count what the worker answered while a challenger was ready."""
        self._counts[shadow.SEEN] += texts
        self._sums[shadow.WORKER_S] += seconds

    def compared(self, sample: Sample, answer: Mapping[str, Any]) -> None:
        """Count one text: the challenger's ``label``, ``scores`` and ``seconds``, or its ``error``."""
        if "error" in answer:
            self._counts[shadow.ERRORS] += 1
            return
        self._counts.update(
            (
                shadow.COMPARED,
                shadow.CHAMPION_LABEL + sample.label,
                shadow.CHALLENGER_LABEL + answer["label"],
                f"{shadow.CHAMPION_TIME}{bucket(sample.seconds)}",
                f"{shadow.CHALLENGER_TIME}{bucket(answer['seconds'])}",
            )
        )
        self._counts[shadow.AGREED] += sample.label == answer["label"]
        self._sums[shadow.APART] += abs(sample.scores[sample.label] - answer["scores"].get(sample.label, 0.0))
        self._sums[shadow.SPENT_S] += answer["seconds"]

    def broken(self, reason: str) -> None:
        """Count that the challenger was given up."""
        self._counts[shadow.BROKEN + reason] += 1

    def additions(self) -> dict[str, int | float]:
        """Return what is added to each field of the hash."""
        return {name: amount for name, amount in (*self._counts.items(), *self._sums.items()) if amount}

    def event(self) -> dict[str, str]:
        """Return the fields of ``model.shadowed`` that are figures."""
        told = Shadow.from_hash({name: str(amount) for name, amount in self.additions().items()})
        labels = {"champion": dict(told.champion_labels), "challenger": dict(told.challenger_labels)}
        figures = {
            "apart": told.apart / max(told.compared, 1),
            "champion_p50_s": quantile(told.champion_times, 0.5) or 0.0,
            "champion_p95_s": quantile(told.champion_times, 0.95) or 0.0,
            "challenger_p50_s": quantile(told.challenger_times, 0.5) or 0.0,
            "challenger_p95_s": quantile(told.challenger_times, 0.95) or 0.0,
        }
        return {
            "compared": str(told.compared),
            "agreed": str(told.agreed),
            "errors": str(told.errors),
            "labels": json.dumps(labels, ensure_ascii=False),
            **{name: f"{figure:.6g}" for name, figure in figures.items()},
            "reason": next(iter(told.broken), ""),
        }
