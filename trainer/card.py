"""The model card of a version: what it was measured to do, as the registry shows it. Pure.

After Mitchell et al. 2019, "Model Cards for Model Reporting": figures in parts, by kind of text and by whom a
text is about, and what the model is not for. It holds no text of the data.
"""

from collections.abc import Iterator, Mapping

from trainer.evaluation import Evaluation
from trainer.gate import Answers, Verdict


def card(evaluation: Evaluation, answers: Answers, verdict: Verdict, facts: Mapping[str, str]) -> str:
    """Return the card as Markdown. ``facts`` are told as they are, a line each."""
    return "\n".join(_lines(evaluation, answers, verdict, facts)) + "\n"


def _lines(
    evaluation: Evaluation, answers: Answers, verdict: Verdict, facts: Mapping[str, str]
) -> Iterator[str]:
    yield f"Answers a text with one of: {', '.join(evaluation.labels)}."
    yield ""
    yield from (f"- {name}: {value}" for name, value in facts.items())
    yield from (f"- gate: {verdict.word}: {reason}" for reason in verdict.reasons)
    (low, high), (f1_low, f1_high) = evaluation.accuracy_interval, evaluation.macro_f1_interval
    yield ""
    yield f"## On {evaluation.rows} rows it was not trained on"
    yield f"accuracy {evaluation.accuracy:.3f} ({low:.3f} to {high:.3f}), "
    yield f"macro-F1 {evaluation.macro_f1:.3f} ({f1_low:.3f} to {f1_high:.3f}), "
    yield f"calibration error {evaluation.ece:.3f}"
    yield from _table(
        ("label", "precision", "recall", "rows"),
        (
            (label, f"{one.precision:.3f}", f"{one.recall:.3f}", str(one.support))
            for label, one in evaluation.per_class.items()
        ),
    )
    yield from _table(
        ("kind of text", "accuracy", "macro-F1", "rows"),
        (
            (name, f"{one.accuracy:.3f}", f"{one.macro_f1:.3f}", str(one.rows))
            for name, one in evaluation.slices.items()
        ),
    )
    yield "## Behaviour"
    if answers.skipped:
        yield f"Not tested: {answers.skipped}."
    else:
        yield from _table(
            ("capability", "fails", "cases"),
            ((name, f"{one.rate:.1%}", str(len(one.failed))) for name, one in answers.behaviour.items()),
        )
    yield "## Not for"
    yield (
        "Texts unlike those above in language, length or subject; judging people. Names and groups of people "
        "are tested as far as the cases go, which is no proof of fairness."
    )


def _table(header: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    yield ""
    yield f"| {' | '.join(header)} |"
    yield "|---" * len(header) + "|"
    # A label may hold the sign that separates cells.
    yield from (f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows)
    yield ""
