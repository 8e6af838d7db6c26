"""Error rate and latency: pinned, against counting everything, and the life of their alerts."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from contract.alerts import Alert
from monitoring.rules.life import Life
from monitoring.rules.rates import STEP_MS, End, Rates
from monitoring.rules.rule import Finding, Rule, Severity

ERRORS = Rule("error_rate", 0.1, timedelta(minutes=1), timedelta(seconds=20), Severity.WARNING, minimum=10)
LATENCY = Rule("latency", 2.0, timedelta(minutes=1), timedelta(seconds=20), Severity.WARNING, minimum=10)


def ends(at_ms: int, good: int = 0, bad: int = 0, *, slow: int = 0, model: str = "m") -> list[End]:
    kinds = [(False, 0.1)] * good + [(True, 0.1)] * bad + [(False, 2.5)] * slow
    return [End(at_ms, model, has_failed, latency_s) for has_failed, latency_s in kinds]


def findings(stream: list[End], until_ms: int, errors: Rule = ERRORS) -> dict[int, list[Finding]]:
    rates = Rates(errors, LATENCY)
    found = dict(rates.advance(stream[0].at_ms))
    for end in stream:
        found |= dict(rates.advance(end.at_ms))
        rates.count(end)
    return found | dict(rates.advance(until_ms))


def broken(stream: list[End], until_ms: int, rule: str = "error_rate") -> list[int]:
    return [
        at
        for at, found in findings(stream, until_ms).items()
        for finding in found
        if finding.rule.name == rule and finding.is_broken
    ]


def steps(first_ms: int, count: int) -> list[int]:
    return [first_ms + STEP_MS * i for i in range(count)]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        pytest.param(ends(10_000, 18, 2), [], id="at the limit is not above it"),
        pytest.param(ends(10_000, 17, 2), steps(10_000, 6), id="above it, for a window"),
        pytest.param(ends(10_001, 17, 2), steps(20_000, 6), id="judged at its step's end"),
        pytest.param(ends(10_000, 0, 9), [], id="nine prove nothing"),
        pytest.param(ends(10_000, 0, 10), steps(10_000, 6), id="ten do"),
        pytest.param(ends(10_000, 0, 5) + ends(69_999, 0, 5), [], id="the first have left"),
        pytest.param(ends(10_000, 0, 5) + ends(60_000, 0, 5), [60_000], id="at the last step together"),
        pytest.param(ends(10_000, 9, 0, model="a") + ends(10_000, 0, 9, model="b"), [], id="by model"),
    ],
)  # fmt: skip
def test_too_many_failures_within_the_window_are_found_at_exactly_these_steps(stream, expected):
    assert broken(stream, 200_000) == expected


@pytest.mark.parametrize(("slow", "is_broken"), [(5, False), (6, True)])
def test_the_95th_percentile_is_too_high_when_more_than_5_percent_took_longer(slow, is_broken):
    assert bool(broken(ends(10_000, 100 - slow, slow=slow), 20_000, "latency")) == is_broken


def test_the_rows_of_a_batch_have_no_latency_and_count_as_failures_all_the_same():
    rows = [End(10_000, "m", True, None)] * 20
    assert broken(rows, 20_000, "latency") == []
    assert broken(rows, 20_000) == [10_000]


def test_a_finding_says_why_with_its_figures():
    (finding, _) = findings(ends(10_000, 17, 3), 20_000)[10_000]
    assert finding.summary == "3 of 20 predictions of m failed within 60 s (limit 10.0%)"
    assert (finding.figure, finding.subject) == (0.15, "m")


@pytest.mark.parametrize("seed", range(20))
def test_the_sliding_counts_agree_with_counting_everything_at_each_step(seed):
    chance = random.Random(seed)
    now, stream = 1_000, []
    for _ in range(400):
        now += chance.choice([0, 1, 300, 2_000, 9_999, 45_000])
        stream += ends(now, 1, chance.random() < 0.15, model=chance.choice("ab"))
    until = now + 100_000
    for at, found in findings(stream, until).items():
        for finding in found:
            inside = [e for e in stream if e.model == finding.subject and at - 60_000 < e.at_ms <= at]
            failed = sum(end.has_failed for end in inside)
            if finding.rule is ERRORS:
                assert finding.is_broken == (len(inside) >= 10 and failed / len(inside) > 0.1)


def found(is_broken: bool, subject: str = "m", rule: Rule = ERRORS) -> Finding:
    return Finding(rule, subject, 0.5, is_broken, "half failed")


def lives(*states: bool, every_ms: int = 10_000) -> list[tuple[int, float | None]]:
    """Judge one condition at each step; return (step, resolved_at) of what came of it."""
    life = Life()
    return [
        (step, alert.resolved_at)
        for step, is_broken in enumerate(states)
        for alert in life.update([found(is_broken)], step * every_ms)
    ]


@pytest.mark.parametrize(
    ("states", "changes"),
    [
        pytest.param([1, 1], [], id="not before its hold-off"),
        pytest.param([1, 1, 1], [(2, None)], id="fires when it has lasted"),
        pytest.param([1, 1, 1, 1, 1, 1], [(2, None)], id="fires once"),
        pytest.param([1, 1, 0, 1, 1, 0, 1, 1], [], id="a flicker fires nothing"),
        pytest.param([1, 1, 1, 0, 0, 1, 0, 0], [(2, None)], id="a flicker ends nothing"),
        pytest.param([1, 1, 1, 0, 0, 0], [(2, None), (5, 50.0)], id="ends when it has been gone as long"),
        pytest.param([1, 1, 1, 0, 0, 0, 1, 1, 1], [(2, None), (5, 50.0), (8, None)], id="and fires again"),
        pytest.param([0, 0, 0, 0], [], id="nothing is wrong"),
    ],
)
def test_an_alert_on_a_condition_lives_like_this(states, changes):
    assert lives(*map(bool, states)) == changes


def test_an_alert_taken_over_does_not_fire_again_and_can_end():
    alert = Alert(id="error_rate-m-1", rule="error_rate", severity="warning", summary="s", count=0.5,
                  threshold=0.1, window_s=60, fired_at=0.001, subject="m")  # fmt: skip
    life = Life([alert])
    assert [life.update([found(is_broken=True)], at) for at in (0, 20_000, 40_000)] == [[], [], []]
    assert life.update([found(is_broken=False)], 50_000) == []
    assert life.update([found(is_broken=False)], 70_000) == [replace(alert, resolved_at=70.0)]


def test_each_rule_and_subject_has_a_life_of_its_own():
    life = Life()
    both = [
        found(is_broken=True),
        found(is_broken=True, subject="a b/c"),
        found(is_broken=True, rule=LATENCY),
    ]
    life.update(both, 0)
    fired = life.update(both, 20_000)
    assert [alert.id for alert in fired] == [
        "error_rate-m-20000", "error_rate-a%20b%2Fc-20000", "latency-m-20000",
    ]  # fmt: skip
    assert fired[0].summary == "half failed"
