"""The window against pinned sequences and against counting everything each time."""

import random
from datetime import timedelta

import pytest

from monitoring.window import EntryId, Fired, Resolved, Window

SPAN = timedelta(minutes=5)
SPAN_MS = 300_000


def alarms(window: Window, times_ms: list[int]) -> list[tuple[int, Fired | Resolved]]:
    """Feed events at these times; return each change with the index of the event that showed it."""
    entries = [EntryId(ms, seq) for seq, ms in enumerate(times_ms)]
    return [(i, change) for i, entry in enumerate(entries) for change in window.update(entry)]


def fired_at(times_ms: list[int]) -> list[int]:
    return [i for i, change in alarms(Window(3, SPAN), times_ms) if isinstance(change, Fired)]


@pytest.mark.parametrize(
    ("times_ms", "indices"),
    [
        pytest.param([0, 1, 2], [], id="three are not more than three"),
        pytest.param([0, 1, 2, 3], [3], id="the fourth fires"),
        pytest.param([5, 5, 5, 5], [3], id="four in one millisecond fire"),
        pytest.param([0, 1, 2, SPAN_MS - 1], [3], id="an event just younger than the span counts"),
        pytest.param([0, 1, 2, SPAN_MS], [], id="an event exactly as old as the span is outside"),
        pytest.param([0, 1, 2, SPAN_MS, SPAN_MS], [4], id="and the next one makes four without it"),
        pytest.param([0, 1, 2, 3, 4, 5, 6, 7], [3], id="an alarm that is open does not fire again"),
        pytest.param(
            [0, 1, 2, 3, 900_000, 900_001, 900_002, 900_003], [3, 7], id="the next burst fires again"
        ),
        pytest.param([60_000 * i for i in range(12)], [3], id="a steady stream above the limit is one alarm"),
        pytest.param([100_000 * i for i in range(12)], [], id="a steady stream at the limit is none"),
    ],
)
def test_an_alarm_fires_at_exactly_this_event(times_ms, indices):
    assert fired_at(times_ms) == indices


def test_an_alarm_ends_when_the_fourth_newest_event_leaves_not_when_somebody_looks():
    window = Window(3, SPAN)
    alarms(window, [0, 10, 20, 30, 40])
    assert window.advance(10 + SPAN_MS) is None
    assert window.advance(10 + SPAN_MS + 86_400_000) == Resolved(EntryId(30, 3), 10 + SPAN_MS)
    assert window.advance(10 + SPAN_MS + 86_400_001) is None


def test_an_event_of_the_very_millisecond_in_which_the_alarm_would_end_keeps_it_open():
    window = Window(3, SPAN)
    alarms(window, [0, 10, 20, 30])
    assert window.advance(SPAN_MS) is None
    assert window.update(EntryId(SPAN_MS, 9)) == ()
    assert window.advance(SPAN_MS + 1) is None


def test_an_alarm_that_ended_unseen_is_resolved_before_the_next_fires():
    window = Window(0, SPAN)
    assert alarms(window, [0, SPAN_MS + 1]) == [
        (0, Fired(EntryId(0, 0), 0, 1)),
        (1, Resolved(EntryId(0, 0), SPAN_MS)),
        (1, Fired(EntryId(SPAN_MS + 1, 1), SPAN_MS + 1, 1)),
    ]


def test_a_late_event_completes_a_burst_at_the_newest_time_seen():
    window = Window(3, SPAN)
    alarms(window, [1_000, 2_000, 9_000])
    assert window.update(EntryId(5_000, 7)) == (Fired(EntryId(5_000, 7), 9_000, 4),)


def test_a_late_event_that_has_left_the_window_does_not_count():
    window = Window(3, SPAN)
    alarms(window, [SPAN_MS, SPAN_MS + 1, SPAN_MS + 2])
    assert window.update(EntryId(2, 7)) == ()


def test_the_same_entry_counts_once():
    window = Window(3, SPAN)
    assert [window.update(EntryId(1, 1)) for _ in range(10)] == [()] * 10
    assert alarms(window, [2, 3, 4])[0][0] == 2


def test_a_million_negatives_leave_no_more_behind_than_four():
    window = Window(3, SPAN)
    for i in range(1_000_000):
        window.update(EntryId(i // 4, i % 4))
    assert len(window._newest) == 4
    assert window.advance(10_000_000) == Resolved(EntryId(0, 3), 249_999 + SPAN_MS)


def test_a_restored_window_goes_on_as_if_it_had_never_stopped():
    times = [EntryId(ms) for ms in (0, 10, 20, 30, 40, 50)]
    whole, first = Window(3, SPAN), Window(3, SPAN)
    for entry in times:
        whole.update(entry)
    for entry in times[:5]:
        first.update(entry)
    second = Window(3, SPAN, past=times[:5], opened_by=times[3])
    assert second.update(times[5]) == ()
    assert second.advance(10**9) == whole.advance(10**9) == Resolved(times[3], 20 + SPAN_MS)


def test_an_alarm_restored_under_a_raised_limit_ends_at_the_last_time_known():
    past = [EntryId(ms) for ms in (0, 10, 20, 30)]
    window = Window(9, SPAN, past=past, opened_by=past[3])
    assert window.advance(31) == Resolved(past[3], 30)


def test_a_window_is_idle_only_without_an_alarm_and_without_events_inside():
    window = Window(3, SPAN)
    assert window.is_idle(0)
    window.update(EntryId(0))
    assert not window.is_idle(SPAN_MS - 1)
    assert window.is_idle(SPAN_MS)
    alarms(window, [1, 2, 3])
    assert not window.is_idle(10**9)


def oracle(seen: set[EntryId], at_ms: int) -> int:
    """Count everything there ever was, each time."""
    return sum(at_ms - 50 < entry.ms <= at_ms for entry in seen)


def stream(seed: int) -> list[EntryId]:
    """Bursts and pauses on a clock of milliseconds, some entries late and some twice."""
    chance = random.Random(seed)
    now, entries = 1_000, []
    for seq in range(200):
        now += chance.choice([0, 0, 1, 3, 8, 20, 60])
        late = chance.choice([0] * 8 + [5, 45, 55, 90])
        entries.append(EntryId(now - late, seq))
        if chance.random() < 0.1:
            entries.append(chance.choice(entries))
    return entries


@pytest.mark.parametrize("limit", [0, 1, 3, 7])
@pytest.mark.parametrize("seed", range(40))
def test_the_window_agrees_with_counting_everything_at_each_millisecond(seed, limit):
    window = Window(limit, timedelta(milliseconds=50))
    seen: set[EntryId] = set()
    is_open, newest, expected, actual = False, 0, [], []
    for entry in stream(seed):
        for ms in range(newest, entry.ms):
            if is_open and oracle(seen, ms) <= limit:
                is_open = False
                expected.append(("resolved", ms))
        seen.add(entry)
        newest = max(newest, entry.ms)
        if not is_open and oracle(seen, newest) > limit:
            is_open = True
            expected.append(("fired", newest))
        # Ticks at odd moments must not change anything.
        if entry.seq % 3 == 0 and (ended := window.advance(newest - 7)):
            actual.append(("resolved", ended.at_ms))
        actual += [(type(change).__name__.lower(), change.at_ms) for change in window.update(entry)]
    assert actual == expected
    assert expected or limit == 7
