"""What the person at the terminal reads: a summary of a training, a table of figures."""

from rich.console import Console
from rich.table import Table

from trainer.evaluation import Evaluation
from trainer.preparing import Prepared, Source
from trainer.training import Outcome


def print_outcome(outcome: Outcome, console: Console) -> None:
    """Print rows, figures, verdict and what serves now."""
    print_rows(outcome.prepared, console)
    print_evaluation(outcome.evaluation, f"{outcome.model} version {outcome.version}", console)
    console.print(f"gate: {outcome.verdict.word}", style="green" if outcome.verdict.passed else "yellow")
    for reason in outcome.verdict.reasons:
        console.print(f"  - {reason}", markup=False)
    if outcome.promoted:
        console.print(f"version {outcome.version} is the champion now")
    else:
        console.print(f"version {outcome.version} is registered; the champion stays")


def print_rows(prepared: Prepared, console: Console) -> None:
    """Print how many rows are used, and each kind that was left out."""
    console.print(f"{len(prepared.training)} rows to train on, {len(prepared.evaluation)} to evaluate on")
    for source in filter(None, (prepared.source, prepared.measured)):
        print_left_out(source, console)
    if prepared.leaked:
        console.print(f"  {prepared.leaked} rows taken out of training: the evaluation file has their texts")


def print_left_out(source: Source, console: Console) -> None:
    """Print how many rows of a file were left out, and why."""
    name, counts = source.file.name, source.cleaned
    if counts.repeated:
        console.print(f"  {name}: {counts.repeated} repeated rows left out", markup=False)
    if counts.contradictory:
        console.print(f"  {name}: {counts.contradictory} rows left out, bearing several labels", markup=False)


def print_evaluation(evaluation: Evaluation, title: str, console: Console) -> None:
    """Print the figures of an evaluation, a line a label."""
    table = Table(title=title, title_justify="left")
    table.add_column("label")
    for name in ("precision", "recall", "F1", "rows"):
        table.add_column(name, justify="right")
    for label, one in evaluation.per_class.items():
        table.add_row(label, f"{one.precision:.3f}", f"{one.recall:.3f}", f"{one.f1:.3f}", str(one.support))
    console.print(table)
    console.print(
        f"accuracy {evaluation.accuracy:.3f}, macro-F1 {evaluation.macro_f1:.3f}, "
        f"calibration error {evaluation.ece:.3f}, {evaluation.rows} rows"
    )
