"""The ledger's judge: it must see every way in which a promise can be broken."""

from dataclasses import replace
from itertools import pairwise

import pytest

from benchmarks.chaos import ledger
from benchmarks.chaos.balance import Breach, Verdict, balance
from benchmarks.chaos.ledger import Answered, Ledger, Record, Sent, Sighting, Witness
from benchmarks.chaos.plan import DECK, plan

LABELS = {(5, "1"): "positive"}
ENDED = Sighting(
    at=12, by=Witness.GET, id="a", status="succeeded", version="1", label="positive", attempts=1, n=0
)
EVENT = replace(ENDED, by=Witness.EVENT, n=-1, mark="12-0")
WEBHOOK = replace(ENDED, by=Witness.WEBHOOK, mark="a.completed")
LAST = replace(ENDED, by=Witness.LAST, at=90)
SENT = Sent(n=0, at=10, text=5, webhook=True)
ACCEPTED = Answered(n=0, at=11, status=202, id="a")
GOOD: list[Record] = [SENT, ACCEPTED, ENDED, EVENT, WEBHOOK, LAST]


def broken(verdict: Verdict) -> dict[Breach, list[str]]:
    return {breach: list(ids) for breach, ids in verdict.breaches.items() if ids}


def without(*left_out: Record) -> list[Record]:
    return [record for record in GOOD if record not in left_out]


def test_a_prediction_that_ended_once_balances_though_its_webhook_came_twice() -> None:
    verdict = balance([*GOOD, replace(WEBHOOK, at=40)], LABELS)
    assert verdict.balances
    assert broken(verdict) == {}
    assert (verdict.sent, verdict.accepted, verdict.webhooks_expected, verdict.webhooks_repeated) == (
        1,
        1,
        1,
        1,
    )
    assert verdict.labels_compared == 1


@pytest.mark.parametrize(
    ("records", "breach"),
    [
        (without(EVENT), Breach.LOST),
        ([*GOOD, replace(EVENT, mark="13-0")], Breach.TWICE),
        ([*without(LAST), replace(LAST, id="another")], Breach.GONE),
        ([*without(LAST), replace(LAST, status="unreadable")], Breach.GONE),
        ([*without(LAST), replace(LAST, status="processing")], Breach.GONE),
        ([*without(LAST), replace(LAST, attempts=2)], Breach.CHANGED),
        ([*without(WEBHOOK), replace(WEBHOOK, status="failed", label="", version="")], Breach.CHANGED),
        (without(WEBHOOK), Breach.NO_WEBHOOK),
        ([*GOOD, replace(WEBHOOK, mark="a.other")], Breach.WEBHOOK_IDS),
        ([*without(WEBHOOK), replace(WEBHOOK, n=7)], Breach.CROSSED),
        (
            [replace(one, label="negative") if isinstance(one, Sighting) else one for one in GOOD],
            Breach.LABEL,
        ),
    ],
)
def test_each_broken_promise_is_seen_and_named(records: list[Record], breach: Breach) -> None:
    verdict = balance(records, LABELS)
    assert not verdict.balances
    assert broken(verdict) == {breach: ["a"]}


def test_without_a_roll_call_nobody_is_missed() -> None:
    assert balance(without(LAST), LABELS).balances


def test_an_answer_that_was_not_promised_does_not_balance_and_a_refusal_does() -> None:
    assert balance([SENT, Answered(n=0, at=11, status=503)], {}).balances
    verdict = balance([SENT, Answered(n=0, at=11, status=500)], {})
    assert not verdict.balances
    assert verdict.other_answers == {"500": 1}


def test_a_request_without_an_answer_may_have_ended_but_not_twice() -> None:
    unanswered = Answered(n=0, at=11, status=0, said="ReadError")
    verdict = balance([SENT, unanswered, EVENT], LABELS)
    assert verdict.balances
    assert (verdict.unanswered, verdict.unacknowledged) == (1, 1)
    twice = balance([SENT, unanswered, EVENT, replace(EVENT, mark="13-0")], LABELS)
    assert broken(twice) == {Breach.TWICE: ["a"]}


def test_what_the_durability_does_not_promise_is_told_apart() -> None:
    verdict = balance(without(EVENT), LABELS, is_excused=lambda times: 11 in times)
    assert verdict.balances
    assert verdict.excused[Breach.LOST] == ["a"]


def test_the_ledger_is_read_as_it_was_written(tmp_path) -> None:
    file = tmp_path / "client.jsonl"
    written = Ledger(file)
    for record in GOOD:
        written.write(record)
    # Not closed: what was written is there for others at once.
    assert ledger.read([file]) == GOOD
    written.close()


def test_the_same_seed_gives_the_same_plan_and_every_round_has_every_strike() -> None:
    faults = plan(3, 1_000, 8)
    assert faults == plan(3, 1_000, 8) != plan(4, 1_000, 8)
    assert {(fault.kind, fault.service) for fault in faults[: len(DECK)]} == set(DECK)
    assert {(fault.kind, fault.service) for fault in faults[len(DECK) : 2 * len(DECK)]} == set(DECK)
    gaps = [after.at_s - before.at_s for before, after in pairwise(faults)]
    assert all(4 <= gap <= 12 for gap in gaps)
    assert faults[-1].at_s < 1_000
