"""A day of events: whoever reads it at once finds the alerts that were found while it happened."""

import random
from bisect import bisect_left, bisect_right
from datetime import timedelta

import pytest

from contract.alerts import Alert
from contract.events import Event
from monitoring.judging import Judge, Rules
from monitoring.rule import By
from monitoring.window import EntryId
from tests.monitoring.stream import ERRORS, LATENCY, SPAN

RULES = Rules(3, SPAN, ERRORS, LATENCY, (By.MODEL, By.KEY, By.ALL))
START_MS, DAY_MS = 1_790_000_000_000, 86_400_000
#: Minutes of the day in which predictions fail, in which they are slow, and in which one key finds all bad.
FAILING, SLOW, CROSS = range(300, 340), range(700, 760), range(500, 503)


def day(seed: int) -> list[Event]:
    """Two models and three keys, quiet hours and bursts, an outage and a slow hour."""
    chance = random.Random(seed)
    now, events = START_MS, []
    while now < START_MS + DAY_MS:
        minute = (now - START_MS) // 60_000
        now += round(chance.expovariate(1 / 4_000 if minute % 360 > 60 else 1 / 90_000))
        is_bad = minute in FAILING and chance.random() < 0.3
        took_s = 9 if minute in SLOW and chance.random() < 0.2 else 0.2
        fields = {
            "type": "prediction.failed" if is_bad else "prediction.succeeded", "id": str(now),
            "model": chance.choice(["sentiment", "tone"]),
            "owner": "key_1" if minute in CROSS else chance.choice(["", "key_1", "key_2"]),
            "label": "negative" if minute in CROSS or chance.random() < 0.02 else "positive",
            "created_at": f"{now / 1000 - took_s}", "completed_at": f"{now / 1000}",
        }  # fmt: skip
        events.append(Event.from_entry(f"{now}-{len(events) % 3}", fields))
    return sorted(events, key=entry_of)


class Book:
    """Alerts by id, as Redis keeps them."""

    def __init__(self) -> None:
        self.alerts: dict[str, Alert] = {}

    def write(self, alerts: list[Alert]) -> None:
        for alert in alerts:
            known = self.alerts.get(alert.id)
            is_news = known is None if alert.resolved_at is None else known and known.resolved_at is None
            if is_news:
                self.alerts[alert.id] = alert


def judge(events: list[Event], cursor: EntryId, book: Book) -> Judge:
    """Take up the judging at a cursor, as a process that starts there does."""
    start = EntryId(cursor.ms - RULES.memory // timedelta(milliseconds=1) + 1)
    past = events[bisect_left(events, start, key=entry_of) : bisect_right(events, cursor, key=entry_of)]
    return Judge(RULES, cursor, past, list(book.alerts.values()))


def entry_of(event: Event) -> EntryId:
    return EntryId.parse(event.entry)


def at_once(events: list[Event]) -> dict[str, Alert]:
    book = Book()
    judging = judge(events, EntryId(START_MS), book)
    for event in events:
        book.write(judging.update(event))
    book.write(judging.advance(START_MS + DAY_MS + 3_600_000))
    return book.alerts


def while_it_happened(events: list[Event], seed: int) -> dict[str, Alert]:
    """In ticks, with restarts; some of them after a crash that had not saved how far it was."""
    chance = random.Random(seed)
    book, cursor = Book(), EntryId(START_MS)
    judging, position = judge(events, cursor, book), 0
    while position < len(events):
        for event in events[position : position + chance.randint(1, 60)]:
            book.write(judging.update(event))
            position += 1
        entry = entry_of(events[position - 1])
        book.write(judging.advance(entry.ms + chance.choice([0, 1, 900])))
        if chance.random() < 0.9:
            cursor = entry
        if chance.random() < 0.05:
            judging = judge(events, cursor, book)
            position = bisect_right(events, cursor, key=entry_of)
    book.write(judging.advance(START_MS + DAY_MS + 3_600_000))
    return book.alerts


@pytest.mark.parametrize("seed", range(2))
def test_a_replayed_day_gives_the_same_alerts_as_ticks_and_restarts_did(seed):
    events = day(seed)
    expected = at_once(events)
    assert {alert.rule for alert in expected.values()} == {"negatives", "error_rate", "latency"}
    assert {alert.subject for alert in expected.values()} >= {"sentiment", "sentiment:key_1", "*"}
    assert all(alert.resolved_at for alert in expected.values())
    assert while_it_happened(events, seed) == expected
    assert at_once(events) == expected
