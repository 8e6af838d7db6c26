"""``/v2`` over HTTP, as the specification of the Open Inference Protocol has it, with a real worker."""

import json
import struct
import time
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from redis import Redis

from contract import jobs, keys
from tests.gateway.conftest import Gateway, Start
from tests.gateway.test_keys import bearing, make
from tests.working import Rule, wait_for, working

INFER = "/v2/models/sentiment/infer"


def tensor(*texts: str, shape: list[int] | None = None, **fields: object) -> dict:
    return {
        "name": "text",
        "shape": shape or [len(texts)],
        "datatype": "BYTES",
        "data": list(texts),
        **fields,
    }


def infer(gateway: Gateway, *texts: str, path: str = INFER, **fields: object) -> httpx2.Response:
    return gateway.http.post(path, json={"inputs": [tensor(*texts)], **fields})


def packed(*texts: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


def test_texts_are_answered_in_their_order_as_tensors(gateway: Gateway, redis_url: str) -> None:
    with working(redis_url, Rule()):
        answer = infer(gateway, "a bad day", "a fine day", id="mine 😀")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.json() == {
        "model_name": "sentiment",
        "model_version": "1",
        "id": "mine 😀",
        "outputs": [
            {"name": "label", "datatype": "BYTES", "shape": [2], "data": ["negative", "positive"]},
            {"name": "score", "datatype": "FP64", "shape": [2], "data": [0.9, 0.8]},
            {"name": "labels", "datatype": "BYTES", "shape": [2, 2],
             "data": ["negative", "positive", "positive", "negative"]},
            {"name": "scores", "datatype": "FP64", "shape": [2, 2], "data": [0.9, 0.1, 0.8, 0.2]},
        ],
    }  # fmt: skip


def test_outputs_come_as_asked_for_and_an_extra_dimension_stays(gateway: Gateway, redis_url: str) -> None:
    body = {
        "inputs": [tensor(["bad"], ["fine"], shape=[2, 1])],  # type: ignore[arg-type]
        "outputs": [{"name": "scores", "parameters": {"classification": 0}}, {"name": "label"}],
        "parameters": {"sequence_id": 7},
    }
    with working(redis_url, Rule()):
        answer = gateway.http.post(INFER, json=body).json()
    assert "id" not in answer
    assert [(one["name"], one["shape"]) for one in answer["outputs"]] == [
        ("scores", [2, 1, 2]),
        ("label", [2, 1]),
    ]


def test_binary_tensors_follow_the_json_in_both_directions(gateway: Gateway, redis_url: str) -> None:
    tail = packed("un día malo, bad 😀".encode(), b"fine")
    head = json.dumps(
        {
            "inputs": [{"name": "text", "shape": [2], "datatype": "BYTES",
                        "parameters": {"binary_data_size": len(tail)}}],
            "outputs": [{"name": "label", "parameters": {"binary_data": True}}, {"name": "score"},
                        {"name": "scores", "parameters": {"binary_data": True}}],
        }
    ).encode()  # fmt: skip
    with working(redis_url, Rule()):
        answer = gateway.http.post(
            INFER, content=head + tail, headers={"Inference-Header-Content-Length": str(len(head))}
        )
    assert answer.headers["Content-Type"] == "application/octet-stream"
    size = int(answer.headers["Inference-Header-Content-Length"])
    label, score, scores = json.loads(answer.content[:size])["outputs"]
    assert score["data"] == [0.9, 0.8]
    values = packed(b"negative", b"positive") + struct.pack("<4d", 0.9, 0.1, 0.8, 0.2)
    assert answer.content[size:] == values
    assert label["parameters"]["binary_data_size"] + scores["parameters"]["binary_data_size"] == len(values)


def test_server_and_model_say_what_they_are(gateway: Gateway, redis_url: str) -> None:
    with working(redis_url, Rule()):
        assert gateway.http.get("/v2").json()["extensions"] == ["binary_tensor_data"]
        model = gateway.http.get("/v2/models/sentiment").json()
        assert gateway.http.get("/v2/models/sentiment/versions/1").json() == model
        assert gateway.http.get("/v2/models/sentiment/ready").json() == {"name": "sentiment", "ready": True}
        assert gateway.http.get("/v2/models/sentiment/versions/1/ready").status_code == 200
        assert gateway.http.get("/v2/health/ready").json() == {"live": True, "ready": True}
    assert (model["name"], model["versions"]) == ("sentiment", ["1"])
    assert model["inputs"] == [{"name": "text", "datatype": "BYTES", "shape": [-1]}]
    assert {one["name"]: (one["datatype"], one["shape"]) for one in model["outputs"]} == {
        "label": ("BYTES", [-1]), "score": ("FP64", [-1]), "labels": ("BYTES", [-1, -1]),
        "scores": ("FP64", [-1, -1]),
    }  # fmt: skip


def test_without_a_worker_it_lives_and_is_not_ready(gateway: Gateway, redis_url: str) -> None:
    assert gateway.http.get("/v2/health/live").json() == {"live": True}
    for path in ("/v2/health/ready", "/v2/models/sentiment/ready"):
        answer = gateway.http.get(path)
        assert (answer.status_code, list(answer.json())) == (503, ["error"])
    assert gateway.http.get("/v2/models/sentiment").json()["versions"] == []


@pytest.mark.parametrize(
    "path", ["", "/ready", "/versions/1", "/versions/1/ready", "/infer", "/versions/1/infer", "/nonsense"]
)
def test_what_is_not_served_is_404(gateway: Gateway, path: str) -> None:
    for model in ("other", "sentiment/versions/9", "sentiment/versions/9/versions"):
        if (model, path) == ("sentiment/versions/9", ""):
            continue
        method = "POST" if path.endswith("infer") else "GET"
        answer = gateway.http.request(method, f"/v2/models/{model}{path}", json={"inputs": [tensor("x")]})
        assert (answer.status_code, list(answer.json())) == (404, ["error"]), answer.url


BINARY = {"Inference-Header-Content-Length": "2"}
REFUSED: dict[str, tuple[dict, str]] = {
    "no JSON": ({"content": b"{"}, "not JSON"),
    "no UTF-8": ({"content": b"\xff"}, "not UTF-8"),
    "a key twice": ({"content": b'{"id": "a", "id": "b"}'}, "twice"),
    "an unknown field": ({"json": {"inputs": [tensor("x")], "outptus": []}}, "Unknown field"),
    "no input": ({"json": {"inputs": []}}, "at least 1"),
    "another input": ({"json": {"inputs": [tensor("x", name="image")]}}, "'text'"),
    "another type": ({"json": {"inputs": [tensor("x", datatype="FP32")]}}, "BYTES"),
    "no string": ({"json": {"inputs": [tensor("x", 7)]}}, "Text 1 is not a string"),
    "a matrix": ({"json": {"inputs": [tensor("x", "y", shape=[1, 2])]}}, "[N, 1]"),
    "another shape": ({"json": {"inputs": [tensor("x", shape=[2])]}}, "1 texts and a shape for 2"),
    "no data": ({"json": {"inputs": [tensor("x", data=None)]}}, "either in 'data'"),
    "an empty text": ({"json": {"inputs": [tensor("x", " ")]}}, "Text 1: Text must not be empty"),
    "NUL": ({"json": {"inputs": [tensor("a\0b")]}}, "NUL"),
    "a lone surrogate": (
        {"content": b'{"inputs":[{"name":"text","shape":[1],"datatype":"BYTES","data":["\\ud800"]}]}'},
        "Text 0",
    ),
    "a long text": ({"json": {"inputs": [tensor("x" * 100_001)]}}, "at most 100000"),
    "an unknown output": ({"json": {"inputs": [tensor("x")], "outputs": [{"name": "embedding"}]}}, "label"),
    "a header beyond the body": ({"content": b"{", "headers": BINARY}, "Inference-Header-Content-Length"),
    "a header of words": (
        {"content": b"{}", "headers": {"Inference-Header-Content-Length": "two"}}, "Inference-Header",
    ),
    "bytes that nobody announced": ({"content": b"{}x", "headers": BINARY}, "inputs"),
    "a form": ({"content": b"{}", "headers": {"Content-Type": "text/plain"}}, "Content-Type"),
    "another site's page": ({"content": b"{}", "headers": {"Origin": "https://x.example"}}, "Content-Type"),
    "compressed": ({"json": {}, "headers": {"Content-Encoding": "gzip"}}, "Content-Encoding"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_request_that_cannot_be_read_is_400_and_one_sentence(
    gateway: Gateway, redis_url: str, case: str
) -> None:
    sent, word = REFUSED[case]
    answer = gateway.http.post(INFER, **sent)
    assert (answer.status_code, list(answer.json())) == (400, ["error"]), answer.text
    assert word in answer.json()["error"]
    assert answer.headers["Content-Type"] == "application/json"
    assert not Redis.from_url(redis_url).exists(keys.queue("sentiment"))


@pytest.mark.parametrize(
    ("tail", "word"),
    [(packed(b"\xff"), "Text 0 is not UTF-8"), (packed(b"ab")[:-1], "Text 0 is longer"),
     (packed(b"ab") + b"\1", "Text 1 is longer"), (packed(b"ab", b"c"), "2 texts and a shape for 1")],
)  # fmt: skip
def test_binary_texts_that_do_not_fit_are_400(gateway: Gateway, tail: bytes, word: str) -> None:
    described = {**tensor("x"), "parameters": {"binary_data_size": len(tail)}}
    del described["data"]
    head = json.dumps({"inputs": [described]}).encode()
    headers = {"Inference-Header-Content-Length": str(len(head))}
    answer = gateway.http.post(INFER, content=head + tail, headers=headers)
    assert (answer.status_code, word in answer.json()["error"]) == (400, True), answer.text


def test_too_much_is_413(gateway: Gateway) -> None:
    for texts in (["x"] * 1025, ["x" * 90_000] * 12):
        answer = infer(gateway, *texts)
        assert (answer.status_code, list(answer.json())) == (413, ["error"])


def test_one_text_that_fails_fails_the_request_and_says_which(gateway: Gateway, redis_url: str) -> None:
    with working(redis_url, Rule(limit=20)):
        answer = infer(gateway, "fine", "poison")
        assert answer.status_code == 500
        assert answer.json() == {"error": "Text 1: the model could not answer this text (ValueError)."}
        long = infer(gateway, "fine " * 20, parameters={"truncate": False})
        assert (long.status_code, long.json()["error"][:7]) == (400, "Text 0:")
        assert infer(gateway, "fine " * 20).status_code == 200


def test_what_is_not_answered_in_time_is_503_and_taken_back(gateway: Gateway, redis_url: str) -> None:
    begun = time.monotonic()
    answer = infer(gateway, "fine", "bad", parameters={"timeout": 300_000})
    assert (answer.status_code, list(answer.json())) == (503, ["error"])
    assert answer.headers["Retry-After"]
    assert time.monotonic() - begun >= 0.3
    redis = Redis.from_url(redis_url)
    wait_for(lambda: redis.llen(keys.queue("sentiment")) == 0, 5)


def test_a_request_that_finds_too_little_room_leaves_nothing_behind(start: Start, apart_url: str) -> None:
    with start(GATEWAY_QUEUE_LIMIT="2") as gateway:
        answer = infer(gateway, "one", "two", "three")
        assert (answer.status_code, list(answer.json())) == (503, ["error"])
        assert Redis.from_url(apart_url).llen(keys.queue("sentiment")) == 0


def test_all_texts_of_a_request_run_together(gateway: Gateway, redis_url: str) -> None:
    model = Rule()
    with working(redis_url, model, batch_size=64):
        assert infer(gateway, *[f"text {number}" for number in range(60)]).status_code == 200
    assert [len(batch) for batch in model.batches] == [60], "they went to Redis in one call"


@pytest.mark.parametrize(
    ("priority", "lane"), [(0, "default"), (1, "high"), (2, "default"), (3, "bulk"), (2**40, "bulk")]
)
def test_a_priority_chooses_the_lane(gateway: Gateway, redis_url: str, priority: int, lane: str) -> None:
    redis = Redis.from_url(redis_url)
    queue = keys.queue(jobs.queue_name("sentiment", jobs.Lane(lane)))
    with ThreadPoolExecutor() as client:
        answer = client.submit(
            infer, gateway, "fine", parameters={"priority": priority, "timeout": 10_000_000}
        )
        wait_for(lambda: redis.llen(queue) == 1)
        with working(redis_url, Rule()):
            assert answer.result().status_code == 200


def test_the_predictions_of_a_request_are_predictions_like_any_others(
    gateway: Gateway, redis_url: str
) -> None:
    with working(redis_url, Rule()):
        infer(gateway, "a fine day", path="/v2/models/sentiment/versions/1/infer")
    [listed] = gateway.http.get("/v1/predictions").json()["results"]
    assert (listed["status"], listed["input"]) == ("succeeded", {"text": "a fine day"})


def test_no_text_of_a_refused_request_reaches_log_or_answer(start: Start, apart_url: str) -> None:
    canary = "xyzzy-canary"
    with start(GATEWAY_LOG_LEVEL="DEBUG") as gateway, working(apart_url, Rule()):
        answers = [
            infer(gateway, f"poison {canary}"),
            infer(gateway, canary, path="/v2/models/other/infer"),
            infer(gateway, canary, outputs=[{"name": canary}]),
            gateway.http.post(INFER, json={"inputs": [tensor(canary, datatype=canary)], canary: canary}),
            gateway.http.post(INFER, content=canary),
        ]
    assert canary not in gateway.log.read_text()
    assert [answer.status_code for answer in answers] == [500, 404, 400, 400, 400]
    assert all(canary not in answer.json()["error"] for answer in answers[:3])


def test_each_text_counts_against_the_quota_and_the_scope_is_predict(start: Start, apart_url: str) -> None:
    writer, reader = make(apart_url, "--quota", "3"), make(apart_url, "--scope", "read")
    with start() as gateway, working(apart_url, Rule()):
        with bearing(gateway, writer) as client:
            first = client.post(INFER, json={"inputs": [tensor("one", "two")]})
            assert (first.status_code, first.headers["RateLimit"].split(";")[1]) == (200, "r=1")
            second = client.post(INFER, json={"inputs": [tensor("three", "four")]})
            assert (second.status_code, list(second.json())) == (429, ["error"])
            assert second.headers["Retry-After"]
        with bearing(gateway, reader) as client:
            assert client.post(INFER, json={"inputs": [tensor("one")]}).status_code == 403
        nobody = infer(gateway, "one")
        assert (nobody.status_code, list(nobody.json())) == (401, ["error"])
        assert gateway.http.get("/v2/health/ready").status_code == 200


def test_a_version_that_answers_no_more_is_not_passed_off_as_another(
    gateway: Gateway, redis_url: str
) -> None:
    swapped = Rule()
    swapped.version = "2"  # its worker is still registered with version 1
    with working(redis_url, swapped):
        answer = infer(gateway, "fine", path="/v2/models/sentiment/versions/1/infer")
        assert (answer.status_code, answer.json()["error"]) == (
            404, "Version 1 of 'sentiment' does not answer any more.",
        )  # fmt: skip
        assert infer(gateway, "fine").json()["model_version"] == "2"
