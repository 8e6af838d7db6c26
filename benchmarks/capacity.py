"""What a prediction costs gateway, Redis and worker, and where the next wall is.

``python -m benchmarks.capacity``
"""

import sys
from dataclasses import asdict
from typing import Annotated, Any

import typer

from benchmarks import loaded, machine, registry, report, scaling_page
from benchmarks.loaded import Phase
from benchmarks.registry import Model
from benchmarks.rows import STARTER, read

#: What the service is shipped with: the most predictions in one batch.
FULL = 64


def run(
    model: Annotated[str, typer.Option(help="lr, or noop: what is left is the queue.")] = "lr",
    predictions: Annotated[int, typer.Option(min=500, help="In each run.")] = 20_000,
    workers: Annotated[str, typer.Option(help="How many, separated by commas.")] = "1,2,4",
    batches: Annotated[str, typer.Option(help="The most predictions in one batch, by commas.")] = "1,8,64",
    rounds: Annotated[int, typer.Option(min=1, help="Every run so often; the fastest is fitted.")] = 3,
) -> None:
    """Fill a queue and drain it with workers and batches of several sizes, then fit the costs.

    Fills in the tables of docs/scaling.md too.

    Examples:

    - `python -m benchmarks.capacity`
    - `python -m benchmarks.capacity --model noop --predictions 4000 --rounds 1`
    """
    here = machine.here()
    if model not in registry.MODELS:
        raise SystemExit(f"there is no model {model!r}; there are: {', '.join(registry.MODELS)}.")
    crowds, sizes = _numbers("--workers", workers), _numbers("--batches", batches)
    rows = [row.text for row in read(STARTER)]
    texts = (rows * (predictions // len(rows) + 1))[:predictions]
    with registry.started(model) as [registered]:
        drains = [
            _drain(registered, crowd, size, texts)
            for _ in range(rounds)
            for crowd in crowds
            for size in sizes
        ]
        answers = [_answer(registered, texts) for _ in range(rounds)]
    figures = {"model": model, "drains": drains, "answers": answers}
    page = scaling_page.blocks({"machine": asdict(here), **figures})
    report.write("capacity", here, list(page.values()), figures)
    scaling_page.fill(page)


def _drain(model: Model, workers: int, batch: int, texts: list[str]) -> dict[str, float]:
    with loaded.started(model, workers, batch) as place:
        filled = place.fill(texts)
        drained = place.drain(len(texts))
    row = {
        "workers": workers,
        "batch": batch,
        "rate": drained.predictions / drained.seconds,
        "worker_us": _each(drained, "workers"),
        # In: admission, while the queue is filled. Out: claim, commit, and the gateway that reads the ends.
        "redis_in_us": _each(filled, "redis"),
        "redis_out_us": _each(drained, "redis"),
        "gateway_out_us": _each(drained, "gateway"),
    }
    print(f"{workers} workers, batches of {batch}: {row['rate']:,.0f} a second", file=sys.stderr)
    return row


def _answer(model: Model, texts: list[str]) -> dict[str, Any]:
    with loaded.started(model, 1, FULL) as place:
        phase, measured = place.answer(texts)
    print(f"one text a request: {measured.rate:,.0f} a second", file=sys.stderr)
    return {
        "rate": measured.rate,
        "p50_ms": measured.p50,
        "p99_ms": measured.p99,
        "gateway_us": _each(phase, "gateway"),
        "worker_us": _each(phase, "workers"),
        "redis_us": _each(phase, "redis"),
        "client_us": measured.client_us,
    }


def _each(phase: Phase, part: str) -> float:
    """Microseconds of a part's processor time for one prediction."""
    return float(getattr(phase.cpu, part)) / phase.predictions * 1e6


def _numbers(option: str, text: str) -> list[int]:
    """Read numbers separated by commas.

    Raises:
        SystemExit: there is something else, or a zero.
    """
    words = text.split(",")
    if not all(word.strip().isdecimal() and int(word) > 0 for word in words):
        raise SystemExit(f"{option} takes numbers separated by commas, such as 1,2,4; not {text!r}.")
    return [int(word) for word in words]


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)
    app.command()(run)
    app()
