"""Triton's own HTTP client, unmodified, against the running service."""

import numpy as np
import pytest

tritonhttp = pytest.importorskip("tritonclient.http")
from tritonclient.utils import InferenceServerException  # noqa: E402

from tests.gateway.conftest import Gateway  # noqa: E402

TEXTS = ["a bad day", "what a fine day", "日本語 bad", "שלום", "naïve 😀 e\u0301"]
LABELS = ["negative", "positive", "negative", "positive", "positive"]


@pytest.fixture
def client(served: Gateway):
    with tritonhttp.InferenceServerClient(served.url.removeprefix("http://")) as client:
        yield client


def texts(*values: str, binary: bool = True, shape: list[int] | None = None):
    shape = shape or [len(values)]
    tensor = tritonhttp.InferInput("text", shape, "BYTES")
    tensor.set_data_from_numpy(
        np.array([v.encode() for v in values], dtype=np.object_).reshape(shape), binary
    )
    return [tensor]


def decoded(array: np.ndarray) -> list[str]:
    return [value.decode() if isinstance(value, bytes) else value for value in array.flatten()]


def test_it_finds_server_and_model_alive_and_ready(client) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("sentiment")
    assert client.is_model_ready("sentiment", "1")
    assert not client.is_model_ready("other")
    assert client.get_server_metadata()["name"] == "barometer"
    assert client.get_model_metadata("sentiment")["versions"] == ["1"]
    assert client.get_model_metadata("sentiment", "1")["inputs"][0]["datatype"] == "BYTES"


@pytest.mark.parametrize("binary", [True, False])
def test_it_infers_texts_in_any_language(client, binary: bool) -> None:
    result = client.infer("sentiment", texts(*TEXTS, binary=binary), request_id="7")
    assert decoded(result.as_numpy("label")) == LABELS
    assert result.as_numpy("score").tolist() == [0.9, 0.8, 0.9, 0.8, 0.8]
    assert result.as_numpy("scores").shape == (5, 2)
    assert decoded(result.as_numpy("labels"))[:2] == ["negative", "positive"]
    assert (result.get_response()["id"], result.get_response()["model_version"]) == ("7", "1")


@pytest.mark.parametrize("binary", [True, False])
def test_it_gets_the_outputs_that_it_asks_for(client, binary: bool) -> None:
    wanted = [tritonhttp.InferRequestedOutput(name, binary_data=binary) for name in ("score", "label")]
    result = client.infer("sentiment", texts("bad", shape=[1, 1]), outputs=wanted)
    assert [one["name"] for one in result.get_response()["outputs"]] == ["score", "label"]
    assert result.as_numpy("score").tolist() == [[0.9]]
    assert decoded(result.as_numpy("label")) == ["negative"]
    assert result.as_numpy("scores") is None


def test_it_infers_many_requests_at_once(client) -> None:
    asked = [client.async_infer("sentiment", texts(text), model_version="1", priority=1) for text in TEXTS]
    assert [decoded(one.get_result().as_numpy("label"))[0] for one in asked] == LABELS


@pytest.mark.parametrize(
    ("model", "text", "options", "status", "word"),
    [
        ("other", "fine", {}, "404", "No such model"),
        ("sentiment", "fine", {"model_version": "9"}, "404", "No worker holds this version"),
        ("sentiment", " ", {}, "400", "Text 0: Text must not be empty"),
        ("sentiment", "poison", {}, "500", "could not answer this text"),
    ],
)
def test_it_understands_what_went_wrong(
    client, model: str, text: str, options: dict, status: str, word: str
) -> None:
    with pytest.raises(InferenceServerException) as raised:
        client.infer(model, texts(text), **options)
    assert raised.value.status() == status
    assert word in raised.value.message()
