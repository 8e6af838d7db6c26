"""A transformer of bert-base size in all its forms: how many texts each answers a second, in process.

``python -m benchmarks.bert``; with ``--mlflow URL`` the model is registered there too, for other benchmarks.
It does what training will do but for the training, so it is the one benchmark that asks the trainer for help.
"""

import itertools
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import machine, random_bert, report
from benchmarks.in_process import of_length, rate
from benchmarks.registering import register
from benchmarks.rows import STARTER, Row, read

#: ``auto`` is what the model chooses itself; the first is what the others are compared with.
FORMS = ("torch-fp32", "torch-bf16", "onnx-int8", "auto")
BATCHES = (1, 8, 32, 64)
TOKENS = 32
#: Texts on which the forms are compared.
COMPARED = 400

Rates = dict[tuple[str, int], list[float]]


def run(
    mlflow: Annotated[
        str,
        typer.Option(
            help="Register the model on this MLflow server, as champion.", envvar="MLFLOW_TRACKING_URI"
        ),
    ] = "",
    name: Annotated[str, typer.Option(help="The registered model's name.")] = "bert",
    threads: Annotated[int, typer.Option(min=1, help="Of each form.")] = os.cpu_count() or 1,
    layers: Annotated[int, typer.Option(min=1, help="12 is bert-base.")] = 12,
    rounds: Annotated[int, typer.Option(min=0, help="The median of so many; 0 measures nothing.")] = 3,
) -> None:
    """Make a transformer with random weights and measure its forms at batches of 1, 8, 32 and 64 texts.

    Examples:

    - `python -m benchmarks.bert`
    - `python -m benchmarks.bert --mlflow http://127.0.0.1:5000 --rounds 0`
    - `python -m benchmarks.bert --layers 6 --threads 1`
    """
    here = machine.here()
    # MLflow reads it at its import.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    rows = read(STARTER)
    with tempfile.TemporaryDirectory(prefix="barometer-") as folder:
        _say(f"making a transformer of {layers} layers, and comparing its forms on {COMPARED} texts")
        fitted = made(rows, random_bert.Size(layers=layers), Path(folder))
        _say(f"faithful forms: {fitted.parameters['forms']}")
        if mlflow:
            from trainer.families.bert_model import SETTINGS

            _say(f"registered as version {register(fitted, SETTINGS, name, mlflow)} of {name}")
        if not rounds:
            return
        artifacts = {key: str(path) for key, path in fitted.artifacts.items()}
        rates = measured(artifacts, [row.text for row in rows], threads, rounds)
    figures = {form: {str(batch): rates[form, batch] for batch in BATCHES} for form, _ in rates}
    report.write("bert", here, [_table(rates)], {"threads": threads, "layers": layers, "rates": figures})


def made(rows: Sequence[Row], size: random_bert.Size, folder: Path) -> Any:
    """Return the model with all forms, as the trainer keeps a trained one."""
    from trainer.families import forms

    texts = [row.text for row in rows]
    labels = sorted({row.label for row in rows})
    model, tokenizer = random_bert.make(texts, labels, size, seed=0)
    return forms.make(model, tokenizer, labels=labels, texts=texts[:COMPARED], folder=folder)


def measured(artifacts: dict[str, str], texts: Sequence[str], threads: int, rounds: int) -> Rates:
    """Return texts a second of each form and batch, and of the choice the model makes itself (auto)."""
    from trainer.families.bert_model import INT8, SETTINGS, BertModel

    models: dict[str, BertModel] = {}
    for form in FORMS:
        if form == INT8 and INT8 not in artifacts:  # it was not faithful
            continue
        models[form] = BertModel()
        models[form].load(artifacts, {**SETTINGS, "device": "cpu", "threads": threads, "form": form})
    chosen = list(itertools.islice(of_length(TOKENS, texts, models["auto"]), max(BATCHES)))
    rates: Rates = {}
    for number in range(1, rounds + 1):
        for batch, (form, model) in itertools.product(BATCHES, models.items()):
            rates.setdefault((form, batch), []).append(rate(model, chosen[:batch]))
        _say(f"round {number} of {rounds} done")
    return rates


def _table(rates: Rates) -> str:
    median = {key: statistics.median(found) for key, found in rates.items()}
    return report.table(
        [f"texts/s, {TOKENS} tokens", *(f"batch {batch}" for batch in BATCHES)],
        [
            [
                form,
                *(f"{median[form, b]:,.0f} ({median[form, b] / median[FORMS[0], b]:.1f})" for b in BATCHES),
            ]
            for form in dict.fromkeys(form for form, _ in rates)
        ],
    )


def _say(what: str) -> None:
    print(what, file=sys.stderr)


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)
    app.command()(run)
    app()
