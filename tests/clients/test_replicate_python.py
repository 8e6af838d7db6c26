"""Replicate's released Python client, pointed at our address and otherwise as it comes."""

import asyncio
from collections.abc import Callable, Iterator

import httpx
import pytest
import replicate
from replicate.exceptions import ModelError, ReplicateError
from replicate.pagination import paginate
from replicate.webhook import InvalidSignatureError, Webhooks

from tests.gateway.conftest import Gateway
from tests.gateway.receiver import receiving
from tests.working import Rule, wait_for, working

FINE, BAD = "what a fine day", "a bad day"
MODEL = "barometer/sentiment"

Client = Callable[[Gateway], replicate.Client]


@pytest.fixture
def client() -> Iterator[Client]:
    """Make clients as its users do; their connections, which it never closes, are closed afterwards."""
    made: list[replicate.Client] = []

    def make(gateway: Gateway) -> replicate.Client:
        made.append(replicate.Client(api_token="r8_token", base_url=gateway.url))
        return made[-1]

    yield make
    for one in made:
        one._client.close()


def test_run_answers_with_the_output(client: Client, served: Gateway) -> None:
    output = client(served).run(MODEL, input={"text": FINE})
    assert (output["label"], output["score"]) == ("positive", 0.8)
    assert client(served).run(MODEL, input={"text": BAD}, wait=10)["label"] == "negative"
    assert client(served).run(MODEL, input={"text": BAD}, wait=False)["label"] == "negative"


def test_run_of_a_failing_text_raises_what_the_client_raises(client: Client, served: Gateway) -> None:
    with pytest.raises(ModelError, match="the model could not answer this text"):
        client(served).run(MODEL, input={"text": "poison"})


def test_run_waits_on_when_its_patience_was_too_short(
    client: Client, gateway: Gateway, redis_url: str
) -> None:
    with working(redis_url, Rule(seconds=1.6)):
        assert client(gateway).run(MODEL, input={"text": BAD}, wait=1)["label"] == "negative"


def test_create_poll_and_wait(client: Client, gateway: Gateway, redis_url: str) -> None:
    prediction = client(gateway).models.predictions.create(MODEL, input={"text": FINE})
    assert (prediction.status, prediction.output, prediction.error) == ("starting", None, None)
    prediction.reload()
    assert prediction.input == {"text": FINE}
    with working(redis_url, Rule()):
        prediction.wait()
    assert (prediction.status, prediction.version, prediction.logs) == ("succeeded", "1", "")
    assert prediction.output["label"] == "positive"
    assert prediction.metrics["predict_time"] >= 0
    assert prediction.created_at < prediction.started_at < prediction.completed_at
    assert client(gateway).predictions.get(prediction.id) == prediction


@pytest.mark.parametrize("version", ["1", f"{MODEL}:1"])
def test_create_by_version(client: Client, served: Gateway, version: str) -> None:
    prediction = client(served).predictions.create(version=version, input={"text": FINE}, wait=True)
    assert (prediction.status, prediction.version) == ("succeeded", "1")


def test_an_unknown_version_or_input_is_the_clients_own_error(client: Client, served: Gateway) -> None:
    with pytest.raises(ReplicateError) as raised:
        client(served).predictions.create(version="99", input={"text": FINE})
    assert raised.value.status == 422
    assert "No worker serves this version" in str(raised.value)
    with pytest.raises(ReplicateError, match="Unknown field"):
        client(served).run(MODEL, input={"prompt": FINE})
    with pytest.raises(ReplicateError) as raised:
        client(served).predictions.get("unknown")
    assert raised.value.status == 404


def test_cancel(client: Client, gateway: Gateway) -> None:
    prediction = client(gateway).models.predictions.create(MODEL, input={"text": FINE})
    prediction.cancel()
    assert prediction.status == "canceled"
    assert client(gateway).predictions.cancel(prediction.id).status == "canceled"


def test_list_and_paginate(client: Client, gateway: Gateway) -> None:
    created = [client(gateway).models.predictions.create(MODEL, input={"text": FINE}).id for _ in range(103)]
    here = client(gateway)
    pages = list(paginate(here.predictions.list))
    assert [len(page) for page in pages] == [100, 3]
    assert [prediction.id for page in pages for prediction in page] == created[::-1]
    assert [one.id for one in here.predictions.list(pages[1].previous)] == created[:2:-1]


def test_stream_gives_the_output_and_that_it_is_done(
    client: Client, gateway: Gateway, redis_url: str
) -> None:
    with working(redis_url, Rule(seconds=1.5)):
        events = list(client(gateway).stream(MODEL, input={"text": FINE}))
    assert [event.event.value for event in events] == ["output", "done"]
    assert '"label":"positive"' in str(events[0])
    assert events[0].id < events[1].id


def test_a_stream_of_a_created_prediction_of_a_canceled_and_of_a_failed_one(
    client: Client, served: Gateway
) -> None:
    here = client(served)
    done = here.models.predictions.create(MODEL, input={"text": FINE}, wait=True)
    assert [event.event.value for event in done.stream()] == ["output", "done"]
    failed = here.models.predictions.create(MODEL, input={"text": "poison"}, wait=True)
    with pytest.raises(RuntimeError, match="the model could not answer this text"):
        list(failed.stream())


def test_the_stream_of_a_canceled_prediction_says_why_it_is_done(client: Client, gateway: Gateway) -> None:
    prediction = client(gateway).models.predictions.create(MODEL, input={"text": FINE})
    prediction.cancel()
    [done] = prediction.stream()
    assert (done.event.value, done.data) == ("done", '{"reason": "canceled"}')


def test_the_asynchronous_client_does_the_same(client: Client, served: Gateway) -> None:
    async def everything() -> None:
        here = client(served)
        assert (await here.async_run(MODEL, input={"text": BAD}))["label"] == "negative"
        prediction = await here.models.predictions.async_create(MODEL, input={"text": FINE})
        await prediction.async_wait()
        assert [event.event.value async for event in prediction.async_stream()] == ["output", "done"]
        assert next(iter(await here.predictions.async_list())).id == prediction.id
        await here._async_client.aclose()

    asyncio.run(everything())


def test_a_webhook_is_valid_by_the_clients_own_check(client: Client, served: Gateway) -> None:
    here = client(served)
    secret = here.webhooks.default.secret()
    with receiving() as receiver:
        prediction = here.models.predictions.create(
            MODEL, input={"text": "fine ☀"}, webhook=receiver.url, webhook_events_filter=["completed"]
        )
        wait_for(lambda: receiver.received)
    [got] = receiver.received
    Webhooks.validate(headers=got.headers, body=got.body.decode(), secret=secret, tolerance=60)
    request = httpx.Request("POST", receiver.url, headers=got.headers, content=got.body)
    Webhooks.validate(request, secret=secret)
    assert prediction.id in got.body.decode()
    with pytest.raises(InvalidSignatureError):
        Webhooks.validate(headers=got.headers, body=got.body.decode() + " ", secret=secret)


def test_models_and_versions(client: Client, registered: Gateway) -> None:
    here = client(registered)
    model = here.models.get(MODEL)
    assert (model.id, model.description, model.latest_version.id) == (MODEL, "What reviews say", "1")
    assert model.url == f"{registered.url}/v1/models/{MODEL}"
    assert [one.id for one in here.models.list()] == [MODEL]
    assert [one.id for one in model.versions.list()] == ["2", "1"]
    version = model.versions.get("1")
    assert version == model.latest_version
    assert version.openapi_schema["components"]["schemas"]["Input"]["required"] == ["text"]
    with pytest.raises(ReplicateError) as raised:
        model.versions.get("99")
    assert raised.value.status == 404


def test_run_by_name_and_version_by_model_and_by_version(client: Client, registered: Gateway) -> None:
    here = client(registered)
    model = here.models.get(MODEL)
    for ref in (f"{MODEL}:1", model, model.latest_version):
        assert here.run(ref, input={"text": BAD})["label"] == "negative"
    with pytest.raises(ReplicateError, match="No worker serves this version"):
        here.run(f"{MODEL}:2", input={"text": BAD})
