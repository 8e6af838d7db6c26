"""What the analysis found, as findings: quality below its floor, estimated quality fallen, drift. Pure."""

from collections.abc import Mapping
from typing import Any

from monitoring.rules.rule import Finding, Rule


def live_quality(rule: Rule, model: str, report: Mapping[str, Any]) -> Finding:
    """Judge the accuracy by feedback: broken when even the upper bound of its interval is below the floor."""
    accuracy = report["accuracy"]
    is_broken = report["rows"] >= rule.minimum and accuracy["high"] < rule.threshold
    summary = (
        f"{accuracy['value']:.1%} of the {report['rows']} answers of {model} that people judged are right "
        f"(at most {accuracy['high']:.1%}, floor {rule.threshold:.1%})"
    )
    return Finding(rule, model, round(accuracy["value"], 4), is_broken, summary)


def estimated_quality(rule: Rule, model: str, report: Mapping[str, Any]) -> Finding:
    """Judge by how much the estimated accuracy has fallen since the version was new."""
    reference = report["reference"] if report["reference"] is not None else report["accuracy"]
    lost = reference - report["accuracy"]
    summary = (
        f"The estimated accuracy of {model} has fallen from {reference:.1%} to {report['accuracy']:.1%} "
        f"in {report['rows']} answers (limit {rule.threshold:.1%})"
    )
    return Finding(
        rule, model, round(lost, 4), report["rows"] >= rule.minimum and lost > rule.threshold, summary
    )


def drift(rule: Rule, model: str, report: Mapping[str, Any]) -> Finding:
    """Judge how many comparisons with the version's first answers are large and significant."""
    found = [one for one in report["drifts"] if one["is_drift"]]
    words = ", ".join(f"{one['what']} ({one['measure']} {one['effect']:.2f})" for one in found) or "nothing"
    summary = f"Drift of {model} since it was new: {words}; {report['rows']} answers compared"
    is_broken = report["rows"] >= rule.minimum and len(found) > rule.threshold
    return Finding(rule, model, len(found), is_broken, summary)
