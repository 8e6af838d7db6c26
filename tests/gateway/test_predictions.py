"""``/v1/predictions`` over HTTP, with a real Redis behind it and a worker where one is needed."""

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis import Redis

from contract import keys
from tests.gateway.conftest import Gateway, Start, running
from tests.working import Rule, wait_for, working

FINE, BAD = "what a fine day", "a bad day"


def test_create_answers_202_and_where_to_look(gateway: Gateway) -> None:
    answer = gateway.create(FINE, metadata={"order": 7})
    assert answer.status_code == 202
    body = answer.json()
    assert re.fullmatch(r"[0-9a-f]{26}", body["id"])
    assert answer.headers["Location"] == f"{gateway.url}/v1/predictions/{body['id']}" == body["urls"]["get"]
    assert (body["status"], body["output"], body["error"], body["version"]) == ("starting", None, None, "")
    assert (body["input"], body["metadata"]) == ({"text": FINE}, {"order": 7})
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", body["created_at"])


def test_a_prediction_goes_from_starting_through_processing_to_succeeded(
    gateway: Gateway, redis_url: str
) -> None:
    id = gateway.create(FINE).json()["id"]
    assert gateway.get(id).json()["status"] == "starting"
    model = Rule(seconds=0.5)
    with working(redis_url, model):
        wait_for(lambda: model.batches)
        assert gateway.get(id).json()["status"] == "processing"
        body = gateway.get(id, prefer="wait=10").json()
    assert body["status"] == "succeeded"
    assert body["output"] == {
        "label": "positive",
        "score": 0.8,
        "scores": [{"label": "positive", "score": 0.8}, {"label": "negative", "score": 0.2}],
    }
    assert (body["version"], body["attempts"], body["metrics"]["batch_size"]) == ("1", 1, 1)
    assert body["metrics"]["inference_time"] >= 0.5
    assert body["metrics"]["total_time"] == pytest.approx(
        body["metrics"]["queue_time"] + body["metrics"]["predict_time"], abs=1e-5
    )


def test_prefer_wait_answers_with_the_result(gateway: Gateway, redis_url: str) -> None:
    with working(redis_url, Rule()):
        answer = gateway.create(BAD, prefer="respond-async, wait=20", metadata={"a": 1})
        assert (answer.status_code, answer.headers["Preference-Applied"]) == (201, "wait=20")
        waited = answer.json()
        assert waited["output"]["label"] == "negative"
        assert waited == gateway.get(waited["id"]).json(), "the same object as a later read"


def test_a_wait_that_runs_out_answers_202_starting(gateway: Gateway) -> None:
    begun = time.monotonic()
    answer = gateway.create(FINE, prefer="wait=1")
    assert answer.status_code == 202
    assert answer.json()["status"] == "starting"
    assert time.monotonic() - begun >= 1


def test_a_failed_prediction_is_data(gateway: Gateway, redis_url: str) -> None:
    with working(redis_url, Rule()):
        answer = gateway.create("poison", prefer="wait")
    assert answer.status_code == 201
    assert (answer.json()["status"], answer.json()["error_code"]) == ("failed", "prediction_error")
    assert answer.json()["error"] == "the model could not answer this text (ValueError)"
    assert gateway.get(answer.json()["id"]).status_code == 200


def test_of_many_at_once_each_gets_its_own_answer(gateway: Gateway, redis_url: str) -> None:
    texts = [f"{'bad' if number % 3 else 'fine'} {number}" for number in range(200)]
    with working(redis_url, Rule(), batch_size=64), ThreadPoolExecutor(50) as clients:
        answers = list(clients.map(lambda text: gateway.create(text, prefer="wait"), texts))
    assert [answer.status_code for answer in answers] == [201] * 200
    assert [answer.json()["input"]["text"] for answer in answers] == texts
    labels = ["negative" if "bad" in text else "positive" for text in texts]
    assert [answer.json()["output"]["label"] for answer in answers] == labels


def test_waiting_costs_redis_no_commands(gateway: Gateway, redis_url: str) -> None:
    def commands() -> int:
        return int(redis.info("stats")["total_commands_processed"])

    redis = Redis.from_url(redis_url)
    with ThreadPoolExecutor(30) as clients:
        waits = [clients.submit(gateway.create, FINE, "wait=4") for _ in range(30)]
        wait_for(lambda: redis.llen(keys.queue("sentiment")) == 30)
        time.sleep(0.2)
        before = commands()
        time.sleep(2)
        # The reader of the events asks once in two seconds, the deliverer and the keyring once a second,
        # the upkeep twice; what a script does counts too. Waiters that asked once a second would add 60.
        assert commands() - before < 50
        assert {wait.result().status_code for wait in waits} == {202}


def test_a_stray_entry_in_the_stream_stops_nobody(gateway: Gateway, redis_url: str) -> None:
    Redis.from_url(redis_url).xadd(keys.EVENTS, {"stray": "1"})
    with working(redis_url, Rule()):
        assert gateway.create(FINE, prefer="wait=10").json()["status"] == "succeeded"


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        (b"", 400, None),
        (b"[]", 422, "#"),
        (b"null", 422, "#"),
        (b"{}", 422, "#/input"),
        (b'{"input": {}}', 422, "#/input/text"),
        (b'{"input": {"text": ""}}', 422, "#/input/text"),
        (b'{"input": {"text": " \\n "}}', 422, "#/input/text"),
        (b'{"input": {"text": 5}}', 422, "#/input/text"),
        (b'{"input": {"text": null}}', 422, "#/input/text"),
        (b'{"input": {"text": "a\\u0000b"}}', 422, "#/input/text"),
        (b'{"input": {"text": "\\ud800"}}', 422, "#/input/text"),
        (b'{"input": {"text": "a"}, "inptu": 1}', 422, "#/inptu"),
        (b'{"input": {"text": "a", "txt": 1}}', 422, "#/input/txt"),
        (b'{"input": {"text": "a"}, "metadata": []}', 422, "#/metadata"),
        (b'{"input": {"text": "a"}, "metadata": {"deep/key": "\\ud800"}}', 422, "#/metadata"),
        (b'{"input": {"text": "a"}, "model": "other"}', 422, "#/model"),
        (b'{"input": {"text": "a"}, "webhook": "ftp://example.com"}', 422, "#/webhook"),
        (b'{"input": {"text": "a"}, "webhook": "http://user:pass@example.com"}', 422, "#/webhook"),
        (b'{"input": {"text": "' + b"x" * 100_001 + b'"}}', 422, "#/input/text"),
        (b'{"input"', 400, None),
        (b"\xff\xfe", 400, None),
        (b'{"input": {"text": "a"}, "input": {"text": "b"}}', 400, None),
        (b'{"input": {"text": "a"}, "metadata": {"x": NaN}}', 400, None),
        (b'{"input": {"text": "a"}, "metadata": {"x": ' + b"9" * 100_000 + b"}}", 400, None),
        (b"[" * 200_000, 400, None),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_malformed_input_gets_a_problem_that_names_the_field(
    gateway: Gateway, body: bytes, status: int, pointer: str | None
) -> None:
    answer = gateway.http.post("/v1/predictions", content=body, headers={"Content-Type": "application/json"})
    problem = answer.json()
    assert (answer.status_code, problem["status"]) == (status, status), problem
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert [error["pointer"] for error in problem["errors"]] == ([pointer] if pointer else [])
    assert problem["detail"]
    assert problem["instance"] == "/v1/predictions"


@pytest.mark.parametrize(
    "kind", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonx"]
)
def test_a_body_that_does_not_say_it_is_json_is_400(gateway: Gateway, kind: str | None) -> None:
    headers = {"Content-Type": kind} if kind else {}
    answer = gateway.http.post("/v1/predictions", content=b'{"input": {"text": "a"}}', headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_header")


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "Application/JSON", "application/ld+json"]
)
def test_a_body_may_say_so_in_any_of_the_usual_ways(gateway: Gateway, kind: str) -> None:
    headers = {"Content-Type": kind}
    answer = gateway.http.post("/v1/predictions", content=b'{"input": {"text": "a"}}', headers=headers)
    assert answer.status_code == 202


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_over_the_limit_is_413(start: Start, announced: bool) -> None:
    body = b'{"input": {"text": "' + b"x" * 3000 + b'"}}'
    with start(GATEWAY_BODY_LIMIT="2048") as gateway:
        content = body if announced else iter([body[:1500], body[1500:]])
        answer = gateway.http.post(
            "/v1/predictions", content=content, headers={"Content-Type": "application/json"}
        )
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
        assert gateway.create(FINE).status_code == 202


def test_a_bad_prefer_is_400_and_accepts_nothing(gateway: Gateway, redis_url: str) -> None:
    answer = gateway.create(FINE, prefer="wait=soon")
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_header")
    assert Redis.from_url(redis_url).llen(keys.queue("sentiment")) == 0


def test_an_unknown_id_is_404_and_an_impossible_one_422(gateway: Gateway) -> None:
    assert gateway.get("unknown").json()["code"] == "not_found"
    assert gateway.get("unknown").status_code == 404
    assert gateway.get("not%20an%20id").status_code == 422
    assert gateway.http.post("/v1/predictions/unknown/cancel").status_code == 404
    assert gateway.http.get("/v1/nothing").json()["code"] == "not_found"
    assert gateway.http.delete("/v1/predictions").json()["code"] == "method_not_allowed"


def test_cancel_ends_what_has_not_ended_and_wakes_who_waits(gateway: Gateway, redis_url: str) -> None:
    id = gateway.create(FINE).json()["id"]
    with ThreadPoolExecutor(1) as client:
        waiting = client.submit(gateway.get, id, "wait=20")
        time.sleep(0.3)
        canceled = gateway.http.post(f"/v1/predictions/{id}/cancel").json()
        assert waiting.result().json() == canceled
    assert (canceled["status"], canceled["cancel_reason"]) == ("canceled", "client")
    assert gateway.http.post(f"/v1/predictions/{id}/cancel").json() == canceled
    with working(redis_url, Rule()):
        assert gateway.create(FINE, prefer="wait").json()["status"] == "succeeded"
        assert gateway.get(id).json() == canceled, "the worker passed it over"


def test_cancel_in_the_middle_of_a_batch_is_final(gateway: Gateway, redis_url: str) -> None:
    model = Rule(seconds=0.6)
    with working(redis_url, model):
        id = gateway.create(FINE).json()["id"]
        wait_for(lambda: model.batches)
        assert gateway.http.post(f"/v1/predictions/{id}/cancel").json()["status"] == "canceled"
    assert gateway.get(id).json()["status"] == "canceled"


def test_a_full_queue_is_503_with_retry_after(start: Start, apart_url: str) -> None:
    with start(GATEWAY_QUEUE_LIMIT="3") as gateway, ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda _: gateway.create(FINE), range(8)))
    assert sorted(answer.status_code for answer in answers) == [202] * 3 + [503] * 5
    refused = next(answer for answer in answers if answer.status_code == 503)
    assert (refused.json()["code"], refused.headers["Retry-After"]) == ("queue_full", "1")
    assert len(Redis.from_url(apart_url).keys(keys.prediction("*"))) == 3, (
        "a refused one leaves nothing behind"
    )


def test_redis_away_is_503_and_the_gateway_recovers_by_itself(redis_server, tmp_path) -> None:
    with running(redis_server.url, tmp_path / "gateway.log") as gateway:
        id = gateway.create(FINE).json()["id"]
        redis_server.kill()
        for answer in (gateway.create(FINE), gateway.get(id), gateway.http.get("/readyz")):
            assert (answer.status_code, answer.json()["code"]) == (503, "queue_unavailable")
            assert answer.headers["Retry-After"]
        assert gateway.http.get("/livez").status_code == 200
        assert gateway.http.get("/metrics").status_code == 200
        redis_server.start()
        assert gateway.get(id).json()["status"] == "starting", "accepted before the kill, still there"
        with working(redis_server.url, Rule()):
            assert gateway.create(FINE, prefer="wait").json()["status"] == "succeeded"
            assert gateway.get(id, prefer="wait").json()["status"] == "succeeded"


def test_a_redis_that_is_full_refuses_early_and_writes_no_half(redis_server, tmp_path) -> None:
    redis = Redis.from_url(redis_server.url, decode_responses=True)
    with running(redis_server.url, tmp_path / "gateway.log") as gateway:
        assert gateway.create(FINE).status_code == 202
        redis.config_set("maxmemory", 1)
        assert gateway.create(FINE).json()["code"] == "queue_unavailable"
        redis.config_set("maxmemory", 0)
        assert len(redis.keys(keys.prediction("*"))) == len(redis.keys(keys.job("*"))) == 1
        assert gateway.create(FINE).status_code == 202


def test_no_text_reaches_the_log(start: Start, apart_url: str) -> None:
    canary = "xyzzy-canary"
    with start(GATEWAY_LOG_LEVEL="DEBUG") as gateway, working(apart_url, Rule()):
        gateway.create(canary, prefer="wait")
        gateway.create(f"poison {canary}", prefer="wait")
        gateway.create(canary, nonsense=canary)
        gateway.http.post("/v1/predictions", content=f'{{"input": {{"text": "{canary}'.encode())
    log = gateway.log.read_text()
    assert "gateway.ready" in log
    assert canary not in log


def test_a_client_that_goes_away_leaves_its_prediction(gateway: Gateway, redis_url: str) -> None:
    import httpx2

    with pytest.raises(httpx2.ReadTimeout), httpx2.Client(base_url=gateway.url, timeout=0.5) as hasty:
        hasty.post("/v1/predictions", json={"input": {"text": FINE}}, headers={"Prefer": "wait"})
    redis = Redis.from_url(redis_url, decode_responses=True)
    [id] = redis.lrange(keys.queue("sentiment"), 0, -1)
    with working(redis_url, Rule()):
        assert gateway.get(id, prefer="wait").json()["status"] == "succeeded"


def test_sigterm_lets_a_waiter_finish(start: Start, apart_url: str) -> None:
    with start() as gateway:
        answers = []
        client = threading.Thread(target=lambda: answers.append(gateway.create(FINE, prefer="wait=20")))
        client.start()
        redis = Redis.from_url(apart_url)
        wait_for(lambda: redis.llen(keys.queue("sentiment")) == 1)
        gateway.process.terminate()
        time.sleep(0.5)
        with working(apart_url, Rule()):
            client.join(20)
        assert answers[0].json()["status"] == "succeeded"
