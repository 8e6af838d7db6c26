"""Trainings as a table: what runs, what waits, and what came of the last."""

from collections.abc import Iterable

from rich.table import Table

from monitoring.retraining.queue import Training


def trainings(found: Iterable[Training]) -> Table:
    """Return the table."""
    table = Table(title="Trainings", title_justify="left")
    for column in ("job", "state", "what it does, or what came of it"):
        table.add_column(column, overflow="fold")
    for one in found:
        table.add_row(one.id, one.status, _words(one))
    if not table.row_count:
        table.add_row("(none)", "-", "-")
    return table


def _words(training: Training) -> str:
    if training.is_under_way:
        share = "" if training.share is None else f", {training.share:.0%}"
        return f"{training.stage}{share}" or "-"
    came = training.came_of_it
    if "gate" not in came:
        return "-"
    serves = "serves" if came.get("promoted") else "does not serve"
    return f"version {came['version']}: {came['gate']}, {serves}"
