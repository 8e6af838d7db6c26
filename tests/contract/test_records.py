"""Records survive the wire, and readers survive what they do not know."""

from contract.alerts import Alert
from contract.events import Event
from contract.labels import answer
from contract.states import TERMINAL, Status


def test_exactly_three_states_are_terminal() -> None:
    assert {Status.SUCCEEDED, Status.FAILED, Status.CANCELED} == TERMINAL


def test_an_answer_ranks_its_labels() -> None:
    ranked = answer(["a", "b", "c"], [0.2, 0.5, 0.3])
    assert (ranked.label, ranked.score) == ("b", 0.5)
    assert [entry["label"] for entry in ranked.output()["scores"]] == ["b", "c", "a"]


def test_an_alert_comes_back_as_it_went() -> None:
    alert = Alert(
        id="a", rule="negatives", severity="warning", summary="4 in 5 minutes", count=4, threshold=3,
        window_s=300.0, fired_at=1700000000.123456, resolved_at=1700000300.5,
    )  # fmt: skip
    assert Alert.from_hash({**alert.to_hash(), "of the future": "1"}) == alert


def test_an_event_knows_its_time_and_keeps_a_type_it_does_not_know() -> None:
    event = Event.from_entry("1700000000250-3", {"type": "of.the.future"})
    assert (event.at, event.type) == (1700000000.25, "of.the.future")
