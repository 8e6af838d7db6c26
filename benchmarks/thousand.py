"""A thousand real lines through the service while its worker is killed twice.

``python -m benchmarks.thousand``
"""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import direct, machine, report, service
from benchmarks.rows import Row, default_files, sample
from benchmarks.sending import Ended, Killer, ends, send_all


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What became of the lines of one file. ``judged`` have a label that the model knows."""

    file: str
    sent: int
    accepted: int
    succeeded: int
    twice: int
    lost: int
    differs: int
    repeated: int
    judged: int
    right: int

    def cells(self) -> list[str]:
        """Return the row of the table."""
        accuracy = f"{self.right / self.judged:.3f} of {self.judged}" if self.judged else "-"
        counts = (
            self.sent, self.accepted, self.succeeded, self.twice, self.lost, self.differs, self.repeated
        )  # fmt: skip
        return [self.file, *map(str, counts), accuracy]


HEAD = (
    "file", "sent", "accepted", "succeeded", "ended twice", "lost", "label differs from the model's",
    "second attempt", "accuracy",
)  # fmt: skip


def run(
    data: Annotated[
        list[Path] | None,
        typer.Option(help="CSV with the columns text and label; may be given several times."),
    ] = None,
    lines: Annotated[int, typer.Option(min=30, help="How many lines.")] = 1_000,
    url: Annotated[str | None, typer.Option(help="A running service; else one is started.")] = None,
    mlflow: Annotated[str, typer.Option(help="With --url: its MLflow.")] = "",
    redis: Annotated[str, typer.Option(help="With --url: its Redis, to count the ends.")] = "",
    launcher: Annotated[int, typer.Option(help="With --url: the launcher's pid, to find the worker.")] = 0,
) -> None:
    """Send labelled lines on 16 connections, kill the worker with -9 twice, and count what came back.

    Examples:

    - `python -m benchmarks.thousand`
    - `python -m benchmarks.thousand --data reviews.csv --data tweets.csv --lines 5000`
    """
    here = machine.here()
    rows = sample(data or default_files(), lines)
    if url and not (mlflow and redis and launcher):
        raise SystemExit("with --url, give --mlflow, --redis and --launcher too: the count needs them all.")
    given = service.Service(api=url or "", mlflow=mlflow, redis=redis, launcher=launcher)
    with nullcontext(given) if url else service.started() as place:
        texts = [row.text for row in rows]
        killer = Killer(place.launcher, place.redis, at=(len(rows) // 3, 2 * len(rows) // 3))
        killer.start()
        print(f"sending {len(rows)} lines ...", file=sys.stderr)
        ended = asyncio.run(send_all(place.api, texts, killer))
        counted = ends(place.redis)
        said = direct.ask(place.mlflow, texts)

    tallies = tally(rows, ended, counted, said)
    recovery_s = recoveries(killer.killed_at, ended)
    kills = report.table(
        ["kill -9 of the worker", "s to the next completed prediction"],
        [[str(number), f"{seconds:.2f}"] for number, seconds in enumerate(recovery_s, 1)],
    )
    figures = {"files": [asdict(one) for one in tallies], "recovery_s": recovery_s}
    report.write("thousand", here, [report.table(HEAD, [one.cells() for one in tallies]), kills], figures)


def tally(
    rows: Sequence[Row], ended: Sequence[Ended | None], counted: Mapping[str, int], said: direct.Said
) -> list[Tally]:
    """Return the counts of each file, and those of all together at the end."""
    whole = list(zip(rows, ended, said.labels, strict=True))
    files = sorted({row.file for row in rows})
    parts = {file: [line for line in whole if line[0].file == file] for file in files}
    if len(files) > 1:
        parts["all"] = whole
    return [_tally(name, part, counted, said.known_labels) for name, part in parts.items()]


def _tally(
    name: str,
    lines: Sequence[tuple[Row, Ended | None, str]],
    counted: Mapping[str, int],
    known: Sequence[str],
) -> Tally:
    accepted = [(row, end, label) for row, end, label in lines if end]
    succeeded = [(row, end, label) for row, end, label in accepted if end.status == "succeeded"]
    judged = [(row, end) for row, end, _ in succeeded if row.label in known]
    return Tally(
        file=name,
        sent=len(lines),
        accepted=len(accepted),
        succeeded=len(succeeded),
        twice=sum(counted.get(end.id, 0) > 1 for _, end, _ in accepted),
        lost=sum(counted.get(end.id, 0) == 0 for _, end, _ in accepted),
        differs=sum(end.label != label for _, end, label in succeeded),
        repeated=sum(end.attempts > 1 for _, end, _ in accepted),
        judged=len(judged),
        right=sum(end.label == row.label for row, end in judged),
    )


def recoveries(killed_at: Sequence[float], ended: Sequence[Ended | None]) -> list[float]:
    """Return for each kill the seconds until something was completed again."""
    completed = sorted(end.completed_at for end in ended if end)
    return [next((at for at in completed if at > killed), float("inf")) - killed for killed in killed_at]


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)
    app.command()(run)
    app()
