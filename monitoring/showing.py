"""The overview from what is known: counts, reports and windows in, what the page is told out.

Pure. Times come in as milliseconds and leave as seconds, as ``contract.overview`` says.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contract import overview as told
from contract.latencies import quantile
from monitoring.history.asking import Report
from monitoring.history.counting import Counts, Place
from monitoring.recent import Standings
from monitoring.rule import ALL, By


@dataclass(frozen=True, slots=True)
class Limits:
    """The settings of the rule on negative results."""

    limit: int
    span_s: float
    by: Collection[By]


@dataclass(slots=True)
class Known:
    """What the history has told so far, by model: all that an overview says of models."""

    minutes: dict[Place, told.Minute] = field(default_factory=dict)
    hours: dict[Place, int] = field(default_factory=dict)
    labels: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    #: Of each version the newest, and of quality also how it came there, oldest first.
    quality: Sequence[Report] = ()
    estimates: Sequence[Report] = ()
    drifts: Sequence[Report] = ()
    data: Sequence[Report] = ()

    def models(self) -> set[str]:
        """Return the models of which something is known."""
        counted = {place.model for place in (*self.minutes, *self.hours)}
        reported = {one.of.model for one in (*self.quality, *self.estimates, *self.drifts, *self.data)}
        return counted | reported | set(self.labels)


def windows(standings: Standings, limits: Limits, models: Iterable[str]) -> list[told.Window]:
    """Return the windows to show: the fullest, then those of models without a negative result."""
    found = [
        _window(one.subject, one.count, [at / 1000 for at in one.newest_ms], limits)
        for one in standings.fullest
    ]
    expected = [*(sorted(models) if By.MODEL in limits.by else ()), *((ALL,) if By.ALL in limits.by else ())]
    shown = {window["subject"] for window in found}
    empty = [_window(subject, 0, [], limits) for subject in expected if subject not in shown]
    return (found + empty)[: told.WINDOWS]


def _window(subject: str, count: int, times: list[float], limits: Limits) -> told.Window:
    return {
        "subject": subject,
        "count": count,
        "limit": limits.limit,
        "window_s": limits.span_s,
        "times": times,
    }


def minute(place: Place, counts: Counts) -> told.Minute:
    """Return one minute's figures."""
    p50, p95, p99 = (_rounded(quantile(counts.latencies, share)) for share in (0.5, 0.95, 0.99))
    return {
        "at": place.at_ms // 1000,
        "succeeded": counts.succeeded,
        "failed": counts.failed,
        "canceled": counts.canceled,
        "negative": counts.negative,
        "p50_s": p50,
        "p95_s": p95,
        "p99_s": p99,
    }


def model(name: str, known: Known) -> told.Model:
    """Return what is known of one model."""
    quality = _newest(name, known.quality)
    estimates = _newest(name, known.estimates)
    return {
        "minutes": [one for place, one in known.minutes.items() if place.model == name],
        "hours": [
            {"at": place.at_ms // 1000, "ended": ended}
            for place, ended in known.hours.items()
            if place.model == name
        ],
        "quality": [
            _quality(version, quality.get(version), estimates.get(version))
            for version in sorted(quality | estimates, key=_number, reverse=True)
        ],
        "accuracy": [_point(one) for one in known.quality if one.of.model == name],
        "drift": [_drift(one) for one in _newest(name, known.drifts).values()],
        "data": [_data(one) for one in _newest(name, known.data).values()],
        "labels": dict(known.labels.get(name, {})),
    }


def _newest(name: str, reports: Iterable[Report]) -> dict[str, Report]:
    """Return a model's last report by version, the newest version first."""
    last = {one.of.version: one for one in reports if one.of.model == name}
    return {version: last[version] for version in sorted(last, key=_number, reverse=True)}


def _number(version: str) -> tuple[int, str]:
    """Return what versions are ordered by: MLflow's are numbers."""
    return (int(version) if version.isdecimal() else -1, version)


def _quality(version: str, quality: Report | None, estimate: Report | None) -> told.Quality:
    newest = quality or estimate
    assert newest is not None
    accuracy = quality.body["accuracy"] if quality else None
    classes = quality.body["per_class"] if quality else {}
    return {
        "version": version,
        "at": newest.at_ms / 1000,
        "judged": quality.body["rows"] if quality else 0,
        "accuracy": _value(accuracy),
        "accuracy_interval": _interval(accuracy),
        "estimated_accuracy": _rounded(estimate.body["accuracy"]) if estimate else None,
        "estimated_interval": _interval(estimate.body.get("interval")) if estimate else None,
        "classes": [_class(label, found) for label, found in classes.items()],
    }


def _class(label: str, found: Mapping[str, Any]) -> told.Class:
    f1 = found["f1"]
    return {
        "label": label,
        "precision": _value(found["precision"]),
        "precision_interval": _interval(found["precision"]),
        "recall": _value(found["recall"]),
        "recall_interval": _interval(found["recall"]),
        "f1": round(f1["value"], 4),
        "f1_interval": (round(f1["low"], 4), round(f1["high"], 4)),
        "support": found["support"],
    }


def _point(report: Report) -> told.Point:
    value = round(report.body["accuracy"]["value"], 4)
    return {"at": report.at_ms / 1000, "version": report.of.version, "value": value}


def _drift(report: Report) -> told.Drift:
    return {
        "version": report.of.version,
        "at": report.at_ms / 1000,
        "reference": report.body.get("reference"),
        "current": report.body["rows"],
        "comparisons": [
            {
                "name": one["what"],
                "effect": round(one["effect"], 4),
                "measure": one["measure"],
                "limit": one["limit"],
                "p_value": one["p_value"],
                "is_drifting": one["is_drift"],
            }
            for one in report.body["drifts"]
        ],
    }


def _data(report: Report) -> told.Data:
    body = report.body
    return {
        "version": report.of.version,
        "at": report.at_ms / 1000,
        "rows": body["rows"],
        "truncated": round(body["truncated"], 4),
        "median_size": body["median_size"],
        "empty": _rounded(body["empty"]),
        "repeated": _rounded(body["repeated"]),
        "languages": body.get("languages"),
    }


def _value(figure: Mapping[str, float] | None) -> float | None:
    return None if figure is None else round(figure["value"], 4)


def _interval(figure: Mapping[str, float] | None) -> tuple[float, float] | None:
    return None if figure is None else (round(figure["low"], 4), round(figure["high"], 4))


def _rounded(value: float | None) -> float | None:
    """Return four digits that mean something."""
    return None if value is None else float(f"{value:.4g}")
