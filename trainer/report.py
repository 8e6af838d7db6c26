"""What the person at the terminal reads: a summary of a training, a table of figures."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from trainer.comparison.page import Comparison
    from trainer.data.profile import Profile
    from trainer.doctor import Finding
    from trainer.evaluation import Evaluation
    from trainer.measuring import Measured
    from trainer.preparing import Prepared, Source
    from trainer.sameness import Reproduction
    from trainer.training import Outcome


def print_outcome(outcome: "Outcome", console: Console) -> None:
    """Print rows, figures, verdict and what serves now."""
    print_rows(outcome.prepared, console)
    print_evaluation(outcome.evaluation, f"{outcome.model} version {outcome.version}", console)
    spent = outcome.spent
    console.print(
        f"training took {spent.wall_s:.1f} s, {spent.cpu_s:.1f} s of processor time, at most "
        f"{spent.peak_mib:,.0f} MiB; {spent.energy}",
        soft_wrap=True,
    )
    console.print(f"gate: {outcome.verdict.word}", style="green" if outcome.verdict.passed else "yellow")
    for reason in outcome.verdict.reasons:
        console.print(f"  - {reason}", markup=False)
    if outcome.promoted:
        console.print(f"version {outcome.version} is the champion now")
    else:
        console.print(f"version {outcome.version} is registered; the champion stays")
        if outcome.verdict.passed:
            console.print(
                f"it is the challenger: 'python -m trainer promote {outcome.version}' lets it serve"
            )


def print_rows(prepared: "Prepared", console: Console) -> None:
    """Print how many rows are used, and each kind that was left out."""
    console.print(f"{len(prepared.training)} rows to train on, {len(prepared.evaluation)} to evaluate on")
    for source in filter(None, (prepared.source, prepared.measured)):
        print_left_out(source, console)
    if prepared.spared:
        console.print(f"  {prepared.spared} rows are neither: there are enough to evaluate on")
    if prepared.leaked:
        console.print(f"  {prepared.leaked} rows taken out of training: the evaluation file has their texts")


def print_left_out(source: "Source", console: Console) -> None:
    """Print how many rows of a file were left out, and why."""
    name, counts = source.file.name, source.cleaned
    if counts.repeated:
        console.print(f"  {name}: {counts.repeated} repeated rows left out", markup=False)
    if counts.contradictory:
        console.print(f"  {name}: {counts.contradictory} rows left out, bearing several labels", markup=False)


def print_evaluation(evaluation: "Evaluation", title: str, console: Console) -> None:
    """Print the figures of an evaluation, a line a label."""
    table = _table(title, "label", "precision", "recall", "F1", "rows")
    for label, one in evaluation.per_class.items():
        table.add_row(label, f"{one.precision:.3f}", f"{one.recall:.3f}", f"{one.f1:.3f}", str(one.support))
    console.print(table)
    (low, high), (f1_low, f1_high) = evaluation.accuracy_interval, evaluation.macro_f1_interval
    console.print(
        f"accuracy {evaluation.accuracy:.3f} ({low:.3f} to {high:.3f}), "
        f"macro-F1 {evaluation.macro_f1:.3f} ({f1_low:.3f} to {f1_high:.3f}), "
        f"calibration error {evaluation.ece:.3f}, {evaluation.rows} rows"
    )


def print_measured(measured: "Measured", title: str, console: Console) -> None:
    """Print figures, slices, behaviour and the worst errors."""
    print_evaluation(measured.evaluation, title, console)
    table = _table("", "slice", "accuracy", "macro-F1", "rows")
    for name, part in measured.evaluation.slices.items():
        table.add_row(name, f"{part.accuracy:.3f}", f"{part.macro_f1:.3f}", str(part.rows))
    console.print(table)
    if measured.skipped:
        console.print(f"no behaviour tests: {measured.skipped}", markup=False)
    else:
        table = _table("", "behaviour", "fails", "cases")
        for name, found in measured.behaviour.items():
            table.add_row(name, f"{found.rate:.1%}", str(len(found.failed)))
        console.print(table)
    if measured.worst:
        table = _table("", "row", "true", "answered", "score")
        for error in measured.worst:
            table.add_row(str(error.row), error.truth, error.answered, f"{error.score:.3f}")
        console.print(table)


def print_profile(found: "Profile", name: str, digests: Mapping[str, str], console: Console) -> None:
    """Print what is in a file, and what to mend."""
    table = _table(f"{name}: {found.rows} rows", "label", "rows", "share")
    for label, count in found.labels.items():
        table.add_row(label[:40], str(count), f"{count / found.rows:.1%}")
    console.print(table)
    lengths = ", ".join(f"{quantile} {count}" for quantile, count in found.words.items())
    languages = ", ".join(f"{code} {share:.0%}" for code, share in found.languages.items())
    for line in (
        f"words a text: {lengths}",
        f"languages, of a sample: {languages}",
        f"repeated rows: {found.repeated}; near duplicates: {found.near}",
        *(f"{key}: {digest}" for key, digest in digests.items()),
    ):
        console.print(line, markup=False, soft_wrap=True)
    for warning in found.warnings:
        console.print(f"  - {warning}", markup=False, style="yellow")


def print_trail(trail: Iterable[Mapping[str, str | None]], console: Console) -> None:
    """Print the moves of aliases, a line each."""
    for move in trail:
        where = f"{move['from'] or 'nothing'} to {move['to'] or 'nothing'}"
        console.print(
            f"{move['at']}  {move['alias']}: {where}, by {move['by']}: {move['why']}",
            markup=False, soft_wrap=True,
        )  # fmt: skip


def print_comparison(comparison: "Comparison", console: Console) -> None:
    """Print the figures that decide, and the recommendation."""
    table = _table("", "", "macro-F1", "p99 of one", "texts/s", "memory", "training")
    for one in comparison.contestants:
        table.add_row(
            one.name, f"{one.evaluation.macro_f1:.4f}", f"{one.serving.single.p99_s * 1000:.2f} ms",
            f"{one.serving.throughput:,.0f}", f"{one.serving.memory / 1e6:.0f} MB",
            "-" if one.training_s is None else f"{one.training_s:.1f} s",
        )  # fmt: skip
    console.print(table)
    found = comparison.recommendation
    console.print(f"for {comparison.goal}, take {found.name or 'none of these'}", markup=False, style="bold")
    for reason in found.reasons:
        console.print(f"  - {reason}", markup=False, soft_wrap=True)


def print_reproduction(found: "Reproduction", console: Console) -> None:
    """Print both figures and whether they are the same."""
    before, now = found.macro_f1
    console.print(f"{found.family}, seed {found.seed}: macro-F1 {before:.6f} then, {now:.6f} now")
    console.print(f"greatest difference of a canary's score: {found.greatest_score_difference:.2g}")
    for remark in found.remarks:
        console.print(f"  - {remark}", markup=False, style="yellow")
    word = "the same" if found.is_same else "NOT the same"
    console.print(
        f"{word}, within {found.tolerance.macro_f1:g} of macro-F1 and {found.tolerance.score:g} of a score"
    )


def print_findings(findings: "Iterable[Finding]", console: Console) -> None:
    """Print what is well and what is not."""
    for finding in findings:
        sign = "ok  " if finding.is_well else "FAIL" if finding.is_fatal else "no  "
        console.print(f"{sign} {finding.what}: {finding.says}", markup=False, soft_wrap=True)


def _table(title: str, first: str, *others: str) -> Table:
    table = Table(title=title or None, title_justify="left")
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table
