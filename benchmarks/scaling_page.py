"""The measured parts of docs/scaling.md, made from ``results/capacity.json`` and nothing else.

A part stands between ``<!-- capacity: NAME -->`` and ``<!-- end -->``.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.report import table
from benchmarks.walls import HEADROOM, MICROSECONDS, Cost, Costs, Layout, best, fit, needed, wall

PAGE = Path(__file__).parents[1] / "docs" / "scaling.md"
#: The batch of a busy service, as it is shipped.
FULL = 64
#: Machines, by cores, and predictions a second, for which the tables say what is needed.
CORES = (1, 2, 4, 8, 16, 32)
WANTED = (100, 1_000, 5_000, 20_000)
#: Predictions a second of the worked example.
EXAMPLE = 2_000

Figures = Mapping[str, Any]
Row = Mapping[str, Any]


def blocks(figures: Figures) -> dict[str, str]:
    """Return the text of each part by its name."""
    costs = fitted(figures)
    return {
        "machine": _machine(figures),
        "measured": _measured(figures, costs),
        "costs": _costs(figures, costs),
        "one machine": _machines(costs),
        "wanted": _wanted(costs),
        "example": _example(costs),
    }


def fill(page: Mapping[str, str], path: Path = PAGE) -> None:
    """Put each part where it belongs."""
    text = path.read_text(encoding="utf-8")
    for name, block in page.items():
        before, start, rest = text.partition(f"<!-- capacity: {name} -->\n")
        _, end, after = rest.partition("<!-- end -->")
        assert start, f"{path} has no place for {name!r}"
        assert end, f"{path} does not say where {name!r} ends"
        text = f"{before}{start}{block}\n{end}{after}"
    path.write_text(text, encoding="utf-8")


def fitted(figures: Figures) -> Costs:
    """Return the costs: the gateway's with one text a request, the others' from filling and draining."""
    drains = _quietest(figures["drains"])
    batches = [row["batch"] for row in drains]
    return Costs(
        gateway=Cost(_fastest(figures["answers"])["gateway_us"]),
        worker=fit(batches, [row["worker_us"] for row in drains]),
        redis_in=Cost(median(row["redis_in_us"] for row in drains)),
        redis_out=fit(batches, [row["redis_out_us"] for row in drains]),
    )


def _machine(figures: Figures) -> str:
    found = figures["machine"]
    return (
        f"Measured on {found['processor']}, {found['cores']} cores, {found['memory_gib']:.0f} GiB, on which "
        f"the client ran too; load {found['load']:.2f} at the start. Model: {figures['model']}."
    )


def _measured(figures: Figures, costs: Costs) -> str:
    """Each run beside what the fitted costs say of it."""
    rows = []
    for run in _quietest(figures["drains"]):
        # Nothing is admitted while a queue is drained: the gateway only reads what ended.
        draining = Costs(Cost(run["gateway_out_us"]), costs.worker, Cost(0), costs.redis_out)
        said = wall(draining, run["batch"], Layout(1, run["workers"], figures["machine"]["cores"]))
        measured = (
            run["batch"],
            run["workers"],
            run["worker_us"],
            run["redis_out_us"],
            run["rate"],
            said.rate,
        )
        rows.append([*(f"{figure:,.0f}" for figure in measured), said.part])
    head = (
        "batch",
        "workers",
        "worker, µs",
        "Redis, out, µs",
        "predictions/s",
        "the model says",
        "full first",
    )
    return table(head, rows)


def _costs(figures: Figures, costs: Costs) -> str:
    rows = [
        [name, f"{cost.each:.0f}", f"{cost.call:.0f}" if cost.call else "-", f"{cost.at(FULL):.0f}"]
        for name, cost in (
            ("gateway", costs.gateway),
            ("worker", costs.worker),
            ("Redis, in", costs.redis_in),
            ("Redis, out", costs.redis_out),
        )
    ]
    found = table(["part", "µs each", "µs a call", f"µs each at {FULL}"], rows)
    fastest = {name: f"{figure:,.0f}" for name, figure in _fastest(figures["answers"]).items()}
    return (
        f"{found}\n\n"
        f"One text a request on 64 connections, one worker: {fastest['rate']} predictions/s, "
        f"p50 {fastest['p50_ms']} ms, p99 {fastest['p99_ms']} ms.\n"
        f"For each of them {fastest['gateway_us']} µs of the gateway, {fastest['worker_us']} of the worker, "
        f"{fastest['redis_us']} of Redis and {fastest['client_us']} of the client."
    )


def _machines(costs: Costs) -> str:
    rows = []
    for cores in CORES:
        chosen, found = best(costs, FULL, cores)
        rows.append([str(cores), str(chosen.gateways), str(chosen.workers), f"{found.rate:,.0f}", found.part])
    return table(["cores", "gateways", "workers", "predictions/s at most", "full first"], rows)


def _wanted(costs: Costs) -> str:
    rows = []
    for rate in WANTED:
        layout = needed(costs, FULL, rate)
        share = costs.redis(FULL) * rate / MICROSECONDS
        said = f"{share:.0%}" if share <= HEADROOM else f"{share:.0%}: too much for one"
        rows.append([f"{rate:,}", str(layout.gateways), str(layout.workers), str(layout.cores), said])
    return table(["predictions/s", "gateways", "workers", "cores", "Redis' core"], rows)


def _example(costs: Costs) -> str:
    layout = needed(costs, FULL, EXAMPLE)
    parts = (
        ("gateways", costs.gateway.at(FULL), f"-> {layout.gateways}"),
        ("workers", costs.busy(FULL), f"-> {layout.workers}"),
        ("cores", costs.all(FULL), f"-> {layout.cores}"),
        ("Redis", costs.redis(FULL), f"of its one core; full at {MICROSECONDS / costs.redis(FULL):,.0f}/s"),
    )
    lines = [
        f"{name:<9} {cost:4.0f} µs x {EXAMPLE:,}/s = {_cores(cost):.2f} {said}" for name, cost, said in parts
    ]
    return "\n".join(["```", *lines, "```"])


def _cores(cost: float) -> float:
    """Cores that the worked example keeps busy at so many microseconds each."""
    return cost * EXAMPLE / MICROSECONDS


def _quietest(drains: Sequence[Row]) -> list[Row]:
    """The fastest of each kind of run: what disturbs a run only ever makes it slower and dearer."""
    groups = sorted({(row["batch"], row["workers"]) for row in drains})
    return [_fastest([row for row in drains if (row["batch"], row["workers"]) == group]) for group in groups]


def _fastest(rows: Sequence[Row]) -> Row:
    return max(rows, key=lambda row: row["rate"])
