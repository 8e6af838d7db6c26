"""One round of analysis: each version that answered lately, against people and against its own past.

Knows which questions are asked of the history and in what order; the arithmetic is beside. Reports are kept,
so figures over time are there to be read.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from monitoring.analysis.drift import Sample, drifts
from monitoring.analysis.estimate import Estimate, Scores, estimate
from monitoring.analysis.kinds import DATA, DRIFT, ESTIMATE, QUALITY
from monitoring.analysis.languages import detected, shares
from monitoring.analysis.quality import quality
from monitoring.history.asking import Archive, Version

Row = Mapping[str, Any]

#: The first answers of a version, and the newest, that are compared: enough for every test here.
ANSWERS = 1_000


@dataclass(frozen=True, slots=True)
class Plan:
    """What is looked at. ``minimum`` answers, or labels, are too few to say anything."""

    window: timedelta = timedelta(days=1)
    quality_window: timedelta = timedelta(days=7)
    minimum: int = 200
    minimum_labels: int = 30


def analyse(archive: Archive, now_ms: int, plan: Plan) -> list[Version]:
    """Report on each version that answered within the window; return them.

    Raises:
        HistoryUnavailable: the database fails.
    """
    versions = archive.versions(now_ms - plan.window // timedelta(milliseconds=1))
    for of in versions:
        _judge(archive, of, now_ms, plan)
        _compare(archive, of, now_ms, plan)
    return versions


def _judge(archive: Archive, of: Version, now_ms: int, plan: Plan) -> None:
    """Report live quality, where people said enough."""
    judged = archive.judged(of, now_ms - plan.quality_window // timedelta(milliseconds=1))
    if len(judged) >= plan.minimum_labels:
        pairs = Counter((str(row["label"]), str(row["truth"])) for row in judged)
        archive.report(QUALITY, of, now_ms, quality(pairs).to_dict())


def _compare(archive: Archive, of: Version, now_ms: int, plan: Plan) -> None:
    """Report the estimated quality, drift and what the data are like, where there is enough of them."""
    current = archive.answers(of, ANSWERS, now_ms - plan.window // timedelta(milliseconds=1))
    first = archive.answers(of, ANSWERS, oldest=True)
    reference = archive.reference(of) or _kept_reference(archive, of, now_ms, first, plan)
    if reference is None or len(current) < plan.minimum:
        return
    labelled = [(row["scores"], row["truth"]) for row in archive.judged(of, 0) if row["scores"]]
    if now := _estimate(current, labelled):
        archive.report(ESTIMATE, of, now_ms, {**now.to_dict(), "reference": reference["accuracy"]})
    before = Sample(
        labels=reference["labels"],
        scores=reference["scores"],
        sizes=reference["sizes"],
        # Only those that the reference was made of: what came later is what they are compared with.
        texts=_texts(first[: len(reference["labels"])]),
        # One that was kept before languages were looked at has none.
        languages=reference.get("languages", ()),
    )
    after = sample(current)
    found = [drift.to_dict() for drift in drifts(before, after, plan.minimum)]
    archive.report(
        DRIFT, of, now_ms, {"drifts": found, "rows": len(current), "reference": len(before.labels)}
    )
    archive.report(DATA, of, now_ms, data(current, after.languages))


def _kept_reference(
    archive: Archive, of: Version, now_ms: int, first: Sequence[Row], plan: Plan
) -> dict[str, Any] | None:
    """Keep what a version was like when it was new, once it has answered enough. Figures only, no text."""
    if len(first) < plan.minimum:
        return None
    found, new = sample(first), _estimate(first, ())
    body = {
        "labels": list(found.labels),
        "scores": list(found.scores),
        "sizes": list(found.sizes),
        "languages": list(found.languages),
        "accuracy": new.accuracy if new else None,
    }
    archive.keep_reference(of, now_ms, body)
    return body


def _estimate(rows: Sequence[Row], labelled: Sequence[tuple[Scores, str]]) -> Estimate | None:
    scores = [row["scores"] for row in rows if row["scores"]]
    return estimate(scores, labelled) if scores else None


def sample(rows: Sequence[Row]) -> Sample:
    """Return what is compared of some answers."""
    return Sample(
        labels=[row["label"] for row in rows],
        scores=[row["score"] for row in rows if row["score"] is not None],
        sizes=[row["size"] for row in rows if row["size"] is not None],
        texts=_texts(rows),
        languages=_languages(rows),
    )


def data(rows: Sequence[Row], languages: Sequence[str] = ()) -> dict[str, Any]:
    """Return what the texts are like, as shares; None where only texts that are kept would tell."""
    sizes = sorted(row["size"] for row in rows if row["size"] is not None)
    texts = [row["text"] for row in rows if row["text"] is not None]
    return {
        "rows": len(rows),
        "truncated": sum(row["is_truncated"] for row in rows) / len(rows),
        "median_size": sizes[len(sizes) // 2] if sizes else None,
        "empty": sum(not text.strip() for text in texts) / len(texts) if texts else None,
        "repeated": 1 - len(set(texts)) / len(texts) if texts else None,
        "languages": shares(languages),
    }


def _languages(rows: Sequence[Row]) -> list[str]:
    """Return the languages of the texts that are kept."""
    return list(detected([row["text"] for row in rows if row["text"] is not None]))


def _texts(rows: Sequence[Row]) -> list[str]:
    """Return the texts that a classifier is shown: half as many as there may be, as it takes a second."""
    return [row["text"] for row in rows if row["text"] is not None][: ANSWERS // 2]
