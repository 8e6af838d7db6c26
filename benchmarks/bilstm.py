"""A bidirectional LSTM as ONNX: how many texts it answers a second, in process.

``python -m benchmarks.bilstm``; with ``--mlflow URL`` the model is registered there too, for others to use.
"""

import itertools
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import machine, random_bilstm, report
from benchmarks.in_process import of_length, rate
from benchmarks.registering import register
from benchmarks.rows import STARTER, read

BATCHES = (1, 8, 32, 64)
TOKENS = 32


def run(
    mlflow: Annotated[
        str,
        typer.Option(
            help="Register the model on this MLflow server, as champion.", envvar="MLFLOW_TRACKING_URI"
        ),
    ] = "",
    name: Annotated[str, typer.Option(help="The registered model's name.")] = "bilstm",
    threads: Annotated[int, typer.Option(min=1)] = os.cpu_count() or 1,
    rounds: Annotated[int, typer.Option(min=0, help="The median of so many; 0 measures nothing.")] = 3,
) -> None:
    """Make a bidirectional LSTM with random weights and measure it at batches of 1, 8, 32 and 64 texts.

    Examples:

    - `python -m benchmarks.bilstm`
    - `python -m benchmarks.bilstm --mlflow http://127.0.0.1:5000 --rounds 0`
    """
    here = machine.here()
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from trainer.families.bilstm_model import SETTINGS, BilstmModel

    rows = read(STARTER)
    texts, labels = [row.text for row in rows], sorted({row.label for row in rows})
    with tempfile.TemporaryDirectory(prefix="barometer-") as folder:
        fitted = random_bilstm.make(texts, labels, random_bilstm.Size(), seed=0, folder=Path(folder))
        if mlflow:
            version = register(fitted, SETTINGS, name, mlflow)
            print(f"registered as version {version} of {name}", file=sys.stderr)
        if not rounds:
            return
        model: Any = BilstmModel()
        model.load({key: str(path) for key, path in fitted.artifacts.items()}, {"threads": threads})
    chosen = list(itertools.islice(of_length(TOKENS, texts, model), max(BATCHES)))
    rates = {batch: [rate(model, chosen[:batch]) for _ in range(rounds)] for batch in BATCHES}
    table = report.table(
        [f"texts/s, {TOKENS} words", *(f"batch {batch}" for batch in BATCHES)],
        [["onnx", *(f"{statistics.median(rates[batch]):,.0f}" for batch in BATCHES)]],
    )
    report.write("bilstm", here, [table], {"threads": threads, "rates": rates})


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)
    app.command()(run)
    app()
