"""Which texts run together: pure arithmetic, checked against every other choice where there are few."""

import random
from datetime import timedelta
from itertools import combinations

import pytest

from worker.batching import Limits, Pace, Release, cost, next_batch

LIMITS = Limits(jobs=8, tokens=1000, duration=timedelta(seconds=0.5), patience=timedelta(0))


def test_without_padding_the_first_run_in_order_up_to_the_number() -> None:
    assert next_batch([5] * 10, 4, 1000, is_padded=False) == ([0, 1, 2, 3], Release.JOBS)


def test_without_padding_the_first_run_in_order_up_to_the_cost() -> None:
    assert next_batch([40, 40, 40, 1], 4, 100, is_padded=False) == ([0, 1], Release.TOKENS)


def test_all_that_waits_may_be_less_than_fits() -> None:
    assert next_batch([5, 5], 4, 100, is_padded=True) == ([0, 1], Release.EMPTY)
    assert next_batch([], 4, 100, is_padded=True) == ([], Release.EMPTY)


@pytest.mark.parametrize("is_padded", [True, False])
def test_a_text_larger_than_any_budget_runs_alone(is_padded: bool) -> None:
    chosen, release = next_batch([5000, 1, 1], 8, 100, is_padded=is_padded)
    assert (chosen, release) == ([0], Release.TOKENS)


def test_similar_lengths_run_together_around_the_first() -> None:
    chosen, release = next_batch([50, 500, 48, 490, 51, 510, 49], 8, 210, is_padded=True)
    assert sorted(chosen) == [0, 2, 4, 6]
    assert release is Release.TOKENS


@pytest.mark.parametrize("seed", range(200))
def test_no_other_run_of_neighbours_holds_more_texts_or_wastes_less(seed: int) -> None:
    chance = random.Random(seed)
    tokens = [chance.randint(1, 60) for _ in range(chance.randint(1, 8))]
    jobs, budget = chance.randint(1, 6), chance.randint(1, 200)

    def value(places: tuple[int, ...]) -> tuple[int, int]:
        sizes = [tokens[place] for place in places]
        return len(places), sum(sizes) - cost(sizes, is_padded=True)

    by_size = sorted(range(len(tokens)), key=tokens.__getitem__)
    runs = [tuple(by_size[start:end]) for start, end in combinations(range(len(tokens) + 1), 2)]
    fitting = [
        run
        for run in runs
        if 0 in run and len(run) <= jobs and cost([tokens[place] for place in run], is_padded=True) <= budget
    ]
    chosen, _ = next_batch(tokens, jobs, budget, is_padded=True)
    assert 0 in chosen
    assert value(tuple(chosen)) == max(value(places) for places in fitting or [(0,)])


def test_a_deep_backlog_of_mixed_lengths_fills_the_budget() -> None:
    chance = random.Random(7)
    tray = [min(512, max(4, int(chance.lognormvariate(3.3, 0.8)))) for _ in range(20_000)]
    waiting, fills, wastes = tray[:256], [], []
    rest = tray[256:]
    while rest:
        chosen, _ = next_batch(waiting, 64, 4096, is_padded=True)
        sizes = [waiting[place] for place in chosen]
        fills.append(max(len(sizes) / 64, cost(sizes, is_padded=True) / 4096))
        wastes.append(1 - sum(sizes) / cost(sizes, is_padded=True))
        waiting = [size for place, size in enumerate(waiting) if place not in set(chosen)]
        waiting, rest = waiting + rest[: len(chosen)], rest[len(chosen) :]
    assert sum(fills) / len(fills) >= 0.95
    assert sum(wastes) / len(wastes) < 0.3, "in order of arrival more than two thirds are padding"
    plain = [tray[start : start + 32] for start in range(0, 20_000, 32)]
    assert sum(1 - sum(sizes) / cost(sizes, is_padded=True) for sizes in plain) / len(plain) > 0.66


def test_a_slow_model_is_given_smaller_batches() -> None:
    pace = Pace()
    assert pace.tokens(LIMITS) == 1000
    pace.learn(100, 1.0)
    assert pace.tokens(LIMITS) == 50, "0.5 s at 10 ms a token"
    for _ in range(50):
        pace.learn(100, 0.001)
    assert pace.tokens(LIMITS) == 1000


def test_even_the_slowest_is_given_something() -> None:
    pace = Pace()
    pace.learn(1, 3600)
    assert pace.tokens(LIMITS) == 1
