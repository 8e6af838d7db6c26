"""Entries of the outbox, and when a prediction's own webhook is called."""

import pytest

from gateway.webhooks.messages import TYPES, Calls, Message, subscription, wanted_calls


@pytest.mark.parametrize(
    ("member", "message"),
    [
        ("p1", Message("completed", "p1")),
        ("start p1 ", Message("start", "p1")),
        ("batch.completed b1 ", Message("batch.completed", "b1")),
        ("prediction.failed p1 ep_1", Message("prediction.failed", "p1", "ep_1")),
    ],
)
def test_a_message_is_written_as_it_was_read(member: str, message: Message) -> None:
    assert Message.parse(member) == message
    assert str(message) == member


def test_no_two_messages_share_a_webhook_id() -> None:
    messages = [
        Message(type, id, to) for type in ("completed", *TYPES) for id in "ab" for to in ("", "x", "y")
    ]
    ids = {message.webhook_id(again) for message in messages for again in ("", "1")}
    assert len(ids) == 2 * len(messages)
    assert Message.parse("p1").webhook_id() == "p1.completed"


@pytest.mark.parametrize(
    ("events", "calls"),
    [
        (None, Calls(at_end="u")),
        (["completed"], Calls(at_end="u")),
        (["output", "completed"], Calls(at_end="u")),
        (["output"], Calls(at_end="u", only_if="succeeded")),
        (["start"], Calls(at_start="u")),
        (["start", "output"], Calls(at_end="u", only_if="succeeded", at_start="u")),
        (["logs"], Calls()),
    ],
)
def test_a_filter_says_when_the_webhook_is_called(events: list[str] | None, calls: Calls) -> None:
    assert wanted_calls("u", events) == calls
    assert wanted_calls(None, events) == Calls()


def test_what_concerns_the_service_is_subscribed_by_everybody_alike() -> None:
    assert subscription("k1", "prediction.failed") == "k1:prediction.failed"
    assert subscription("k1", "alert.fired") == subscription("k2", "alert.fired") == "*:alert.fired"
