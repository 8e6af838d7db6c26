"""The capacity model finds costs again and names the wall; the page shows what was measured."""

import json
import re

import pytest

from benchmarks import report, scaling_page
from benchmarks.walls import HEADROOM, Cost, Costs, Layout, best, fit, needed, wall

#: Microseconds, at batches of 10: gateway 500, worker 90 and 10 that it waits for Redis, Redis 40 in all.
COSTS = Costs(gateway=Cost(500), worker=Cost(80, 100), redis_in=Cost(30), redis_out=Cost(5, 50))
FIGURES = {
    "machine": {"processor": "Example 1", "cores": 2, "memory_gib": 24.0, "load": 0.1},
    "model": "lr",
    "drains": [
        {"workers": workers, "batch": batch, "rate": 5_000.0, "worker_us": 80 + 100 / batch,
         "redis_in_us": 30.0, "redis_out_us": 5 + 50 / batch, "gateway_out_us": 20.0}
        for workers in (1, 2) for batch in (1, 8, 64)
    ],
    "answers": [{"rate": 1_000.0, "p50_ms": 9.0, "p99_ms": 20.0, "gateway_us": 500.0, "worker_us": 90.0,
                 "redis_us": 40.0, "client_us": 30.0}],
}  # fmt: skip


def test_a_fit_finds_the_costs_that_made_the_figures() -> None:
    batches = [1, 8, 64, 1, 8, 64]
    found = fit(batches, [Cost(80, 540).at(batch) for batch in batches])
    assert found.each == pytest.approx(80)
    assert found.call == pytest.approx(540)


def test_a_fit_is_as_wrong_as_its_figures_and_not_more() -> None:
    noise = [1.1, 0.9, 1.05, 0.95, 1.1, 0.9]
    batches = [1, 8, 64, 1, 8, 64]
    found = fit(batches, [Cost(80, 540).at(b) * n for b, n in zip(batches, noise, strict=True)])
    for batch in batches:
        assert found.at(batch) == pytest.approx(Cost(80, 540).at(batch), rel=0.1)


@pytest.mark.parametrize(
    ("costs", "expected"),
    [([100.0, 110.0, 120.0], Cost(109.0)), ([640.0, 70.0, 2.0], Cost(0.0, 350.0))],
)
def test_no_fit_has_a_negative_cost(costs: list[float], expected: Cost) -> None:
    found = fit([1, 8, 64], costs)
    assert found.each == pytest.approx(expected.each, rel=0.1)
    assert found.call == pytest.approx(expected.call, rel=0.6)
    assert min(found.each, found.call) == 0


@pytest.mark.parametrize(
    ("layout", "part", "rate"),
    [
        (Layout(1, 8, 64), "gateway", 1e6 / 500),
        (Layout(64, 1, 64), "worker", 1e6 / 100),
        (Layout(64, 64, 64), "Redis", 1e6 / 40),
        (Layout(8, 8, 2), "cores", 2e6 / 630),
    ],
)
def test_the_part_that_is_full_first_is_the_wall(layout: Layout, part: str, rate: float) -> None:
    found = wall(COSTS, 10, layout)
    assert (found.part, found.rate) == (part, pytest.approx(rate))


def test_what_is_needed_keeps_its_headroom_and_one_process_less_does_not() -> None:
    layout = needed(COSTS, 10, 10_000)
    assert layout == Layout(gateways=8, workers=2, cores=9)
    assert wall(COSTS, 10, layout).rate * HEADROOM >= 10_000
    assert wall(COSTS, 10, Layout(7, 2, 9)).rate * HEADROOM < 10_000


@pytest.mark.parametrize("cores", [1, 2, 4, 8, 16, 64])
def test_the_best_layout_gets_all_there_is_with_the_fewest_processes(cores: int) -> None:
    layout, found = best(COSTS, 10, cores)
    assert wall(COSTS, 10, layout).rate == pytest.approx(found.rate)
    assert found.part in ("cores", "Redis")
    for fewer in (
        Layout(layout.gateways - 1, layout.workers, cores),
        Layout(layout.gateways, layout.workers - 1, cores),
    ):
        assert wall(COSTS, 10, fewer).rate < found.rate


def test_every_figure_of_the_page_comes_from_the_results(tmp_path) -> None:
    page = tmp_path / "scaling.md"
    page.write_text(scaling_page.PAGE.read_text("utf-8"), "utf-8")
    scaling_page.fill(scaling_page.blocks(FIGURES), page)
    filled = page.read_text("utf-8")
    assert "Example 1" in filled
    assert "500 µs x 2,000/s = 1.00 -> 2" in filled
    # Again gives the same: nothing is filled in twice.
    scaling_page.fill(scaling_page.blocks(FIGURES), page)
    assert page.read_text("utf-8") == filled


def test_the_page_shows_the_results_that_are_committed() -> None:
    results = report.RESULTS / "capacity.json"
    page = scaling_page.PAGE.read_text("utf-8")
    blocks = dict(re.findall(r"<!-- capacity: ([a-z ]+) -->\n(.*?)\n?<!-- end -->", page, re.DOTALL))
    assert blocks == scaling_page.blocks(json.loads(results.read_text("utf-8")))
