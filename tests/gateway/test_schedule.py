"""The schedule of Standard Webhooks: 0, 5 s, 5 min, 30 min, 2, 5, 10, 14, 20, 24 h, ±20 %."""

from datetime import timedelta

import pytest

from gateway.webhooks.schedule import retry_after

MIDDLE = 0.5


def test_the_delays_are_those_of_the_specification() -> None:
    delays = [retry_after(attempts, MIDDLE) for attempts in range(1, 10)]
    assert [delay.total_seconds() for delay in delays if delay] == [
        5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400,
    ]  # fmt: skip


def test_the_tenth_failure_is_the_last() -> None:
    assert retry_after(10, MIDDLE) is None


@pytest.mark.parametrize(("chance", "seconds"), [(0, 4), (0.25, 4.5), (0.999999, 6)])
def test_chance_spreads_by_a_fifth(chance: float, seconds: float) -> None:
    assert retry_after(1, chance).total_seconds() == pytest.approx(seconds, abs=0.001)


def test_the_later_of_schedule_and_receiver_counts() -> None:
    assert retry_after(1, MIDDLE, timedelta(seconds=60)) == timedelta(seconds=60)
    assert retry_after(2, MIDDLE, timedelta(seconds=60)) == timedelta(minutes=5)
    assert retry_after(10, MIDDLE, timedelta(seconds=60)) is None
