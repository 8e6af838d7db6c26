"""A receiver that checks with the ``standardwebhooks`` package what the running service sends it."""

import json
from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.gateway.conftest import Gateway
from tests.gateway.receiver import Received, receiving
from tests.working import wait_for

TEXTS = ("fine", "a bad day ☀ مرحبا", "poison")


def receive(gateway: Gateway, text: str) -> tuple[Webhook, Received]:
    """Have one prediction's webhook delivered; return what verifies it, and what came."""
    verifier = Webhook(gateway.http.get("/v1/webhooks/default/secret").json()["key"])
    with receiving() as receiver:
        gateway.create(text, webhook=receiver.url)
        wait_for(lambda: receiver.received)
    [got] = receiver.received
    return verifier, got


@pytest.mark.parametrize("text", TEXTS)
def test_what_arrives_verifies_and_is_the_prediction(served: Gateway, text: str) -> None:
    verifier, got = receive(served, text)
    prediction = verifier.verify(got.body, got.headers)
    assert prediction == served.get(prediction["id"]).json()
    assert prediction["input"]["text"] == text


def test_what_was_changed_on_the_way_does_not_verify(served: Gateway) -> None:
    verifier, got = receive(served, "fine")
    forged = json.loads(got.body) | {"status": "failed"}
    late = str(int(datetime.now(UTC).timestamp()) - 600)
    for body, headers in (
        (json.dumps(forged).encode(), got.headers),
        (got.body, {**got.headers, "webhook-id": "other"}),
        (got.body, {**got.headers, "webhook-timestamp": late}),
        (got.body, {**got.headers, "webhook-signature": "v1,AAAA"}),
    ):
        with pytest.raises(WebhookVerificationError):
            verifier.verify(body, headers)


def test_another_services_secret_does_not_verify(served: Gateway) -> None:
    _, got = receive(served, "fine")
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").verify(got.body, got.headers)
