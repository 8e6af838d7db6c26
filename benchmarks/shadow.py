"""What a challenger in the shadow costs those who wait for answers: the same service with and without one.

``python -m benchmarks.shadow``
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import psutil
import typer

from benchmarks import client, machine, report, service
from benchmarks.client import Load, Measured
from benchmarks.latency import LONGEST, SHORTEST
from benchmarks.rows import STARTER, read
from contract.registry import CHALLENGER, CHAMPION, DEFAULT_MODEL

WARM_UP = 50
#: Connections, and how many requests: some seconds of work.
CROWDS = ((1, 500), (16, 6_000), (64, 10_000))
#: A worker looks for a challenger every ten seconds, and a process that stands back loads in its own time.
PATIENCE_S = 120
WITHOUT, WITH = "without", "with"


@dataclass(frozen=True, slots=True)
class Taken:
    """One load, and the processor time that the worker's own process took for each prediction of it."""

    load: Measured
    worker_us: float


def run(rounds: Annotated[int, typer.Option(min=1, help="The median of so many.")] = 5) -> None:
    """Measure 1, 16 and 64 clients, without a challenger and with one that is offered every text, in turn.

    Examples:

    - `python -m benchmarks.shadow`
    """
    # Worse than the default: all texts are offered, so the bounds alone hold it back.
    os.environ["WORKER_SHADOW"] = "1"
    here = machine.here()
    texts = [row.text for row in read(STARTER) if SHORTEST <= len(row.text.split()) <= LONGEST][:2_000]
    bodies = [json.dumps({"input": {"text": text}}, ensure_ascii=False) for text in texts]
    taken: dict[tuple[str, int], list[Taken]] = {}
    shares, memory = [], []
    with service.started() as place:
        worker = service.worker(place.launcher)
        assert worker is not None, "the service is ready"
        process, challenger = psutil.Process(worker), _again(place.mlflow)
        for number in range(rounds):
            for name in (WITHOUT, WITH) if number % 2 else (WITH, WITHOUT):
                print(f"round {number + 1} of {rounds}, {name} a challenger", file=sys.stderr)
                _point(place.mlflow, challenger if name == WITH else None)
                child = _child(worker, is_there=name == WITH)
                begun, used = time.monotonic(), _cpu_s(child)
                for connections, requests in CROWDS:
                    load = Load(
                        url=f"{place.api}/v1/predictions", connections=connections, requests=requests,
                        warm_up=WARM_UP, bodies=bodies,
                    )  # fmt: skip
                    before = _cpu_s(process)
                    measured = client.run(load)
                    worker_us = (_cpu_s(process) - before) / (requests + WARM_UP) * 1e6
                    taken.setdefault((name, connections), []).append(Taken(measured, worker_us))
                if child:
                    shares.append((_cpu_s(child) - used) / (time.monotonic() - begun))
                    memory.append(child.memory_full_info().pss / 2**20)
    text = (
        f"The challenger's process took {statistics.median(shares):.1%} of a core while it was compared, and "
        f"holds {statistics.median(memory):.0f} MiB."
    )
    figures = {
        f"{name}-{connections}": [{**one.load.summary(), "worker_us": one.worker_us} for one in all_rounds]
        for (name, connections), all_rounds in taken.items()
    }
    report.write("shadow", here, [_table(taken), text], {"rounds": figures, "share": shares, "mib": memory})


def _again(tracking_uri: str) -> str:
    """Register the champion once more, and return the number of the new version."""
    from trainer import environment

    environment.prepare(tracking_uri)
    import mlflow

    mlflow.set_tracking_uri(tracking_uri)
    champion = mlflow.MlflowClient().get_model_version_by_alias(DEFAULT_MODEL, CHAMPION)
    return str(mlflow.register_model(champion.source, DEFAULT_MODEL).version)


def _point(tracking_uri: str, challenger: str | None) -> None:
    from mlflow import MlflowClient

    registry = MlflowClient(tracking_uri)
    if challenger is None:
        registry.delete_registered_model_alias(DEFAULT_MODEL, CHALLENGER)
    else:
        registry.set_registered_model_alias(DEFAULT_MODEL, CHALLENGER, challenger)


def _child(worker: int, *, is_there: bool) -> psutil.Process | None:
    """Wait until the worker has or has no process for a challenger, one that has loaded its model."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        children = psutil.Process(worker).children()
        if not is_there and not children:
            return None
        if is_there and children and _is_idle(children[0]):
            return children[0]
        time.sleep(0.5)
    raise SystemExit("the worker did not notice the alias: look at the service's log.")


def _is_idle(child: psutil.Process) -> bool:
    """Tell whether it waits for texts: it has loaded."""
    before = _cpu_s(child)
    time.sleep(1.0)
    return before > 0 and _cpu_s(child) - before < 0.01


def _cpu_s(child: psutil.Process | None) -> float:
    return sum(child.cpu_times()[:2]) if child else 0.0


def _table(taken: Mapping[tuple[str, int], Sequence[Taken]]) -> str:
    rows = []
    for connections, _ in CROWDS:
        for name in (WITHOUT, WITH):
            rounds = taken[name, connections]
            rate, p50, p99 = (
                statistics.median(getattr(one.load, part) for one in rounds)
                for part in ("rate", "p50", "p99")
            )
            worker_us = statistics.median(one.worker_us for one in rounds)
            cells = [f"{rate:,.0f}", f"{p50:.2f}", f"{p99:.2f}", f"{worker_us:.0f}"]
            rows.append([f"{connections}, {name}", *cells])
    return report.table(["clients", "predictions/s", "p50 ms", "p99 ms", "worker's CPU, µs each"], rows)


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)
    app.command()(run)
    app()
