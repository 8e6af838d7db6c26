"""A table for people, and all figures for programs. Knows nothing of what was measured."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.machine import Machine

RESULTS = Path(__file__).parent / "results"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table that is also readable as it is; all columns but the first are numbers."""
    widths = [max(len(cell) for cell in column) for column in zip(head, *rows, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    aligned = [
        [
            row[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
        ]
        for row in (head, rule, *rows)
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in aligned)


def write(
    name: str, machine: Machine, tables: Sequence[str], figures: Mapping[str, Any], folder: Path = RESULTS
) -> None:
    """Print the tables, and write ``NAME.md`` and ``NAME.json`` into the folder."""
    folder.mkdir(exist_ok=True)
    text = "\n\n".join([f"{machine}.", *tables]) + "\n"
    (folder / f"{name}.md").write_text(text, encoding="utf-8")
    record = {"machine": asdict(machine), **figures}
    (folder / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(f"\n{text}\nWritten to {folder / name}.md and .json")


def percentile(sorted_values: Sequence[float], share: float) -> float:
    """Return the smallest value that ``share`` of the values do not exceed; share in (0, 1]."""
    return sorted_values[max(0, -(-len(sorted_values) * round(share * 1000) // 1000) - 1)]
