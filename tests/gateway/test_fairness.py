"""Receivers take turns, each within a window of its own."""

from gateway.webhooks.fairness import FIRST, MOST, WAITING, Offered, Turns


def filled(at_once: int = 100, **waiting: int) -> Turns[int]:
    turns: Turns[int] = Turns(at_once)
    for receiver, many in waiting.items():
        for entry in range(many):
            turns.offer(receiver, entry)
    return turns


def drained(turns: Turns[int]) -> list[str]:
    return [found[0] for found in iter(turns.next, None)]


def test_receivers_take_turns_and_each_keeps_its_order() -> None:
    turns = filled(a=3, b=1, c=2)
    given = [turns.next() for _ in range(6)]
    assert given == [("a", 0), ("b", 0), ("c", 0), ("a", 1), ("c", 1), ("a", 2)]
    assert turns.next() is None


def test_one_that_hangs_holds_its_window_and_no_more() -> None:
    turns = filled(hangs=100, quick=FIRST)
    assert sorted(drained(turns)) == ["hangs"] * FIRST + ["quick"] * FIRST
    for entry in range(50):
        turns.offer("quick", entry)
        turns.ended("quick", succeeded=True)
        assert turns.next() == ("quick", entry)
    assert turns.next() is None


def test_success_widens_the_window_by_one_up_to_a_bound() -> None:
    turns = filled(a=WAITING * FIRST)
    running = len(drained(turns))
    for successes in range(1, 2 * MOST):
        turns.ended("a", succeeded=True)
        for entry in range(2):
            turns.offer("a", entry)
        running += len(drained(turns)) - 1
        assert running == min(MOST, FIRST + successes)
    turns.ended("a", succeeded=None)
    assert drained(turns) == ["a"]


def test_failure_halves_the_window_down_to_one() -> None:
    turns = filled(a=FIRST * 2)
    drained(turns)
    for _ in range(FIRST):
        turns.ended("a", succeeded=False)
    assert drained(turns) == ["a"]


def test_all_receivers_together_have_a_bound() -> None:
    assert len(drained(filled(at_once=10, **{f"r{number}": 5 for number in range(100)}))) == 10


def test_what_does_not_fit_is_sent_back_for_as_long_as_its_receiver_deserves() -> None:
    turns = filled(a=WAITING * FIRST)
    assert turns.offer("a", 0) is Offered.LATER
    assert turns.offer("b", 0) is Offered.TAKEN
    proven = filled(a=1)
    drained(proven)
    proven.ended("a", succeeded=True)
    offered = [proven.offer("a", 0) for _ in range(WAITING * (FIRST + 1) + 1)]
    assert (offered[-2], offered[-1]) == (Offered.TAKEN, Offered.SOON)
    failing = filled(a=FIRST)
    drained(failing)
    for _ in range(FIRST):
        failing.ended("a", succeeded=False)
    offered = [failing.offer("a", 0) for _ in range(WAITING + 1)]
    assert offered == [Offered.TAKEN] * WAITING + [Offered.MUCH_LATER]
