"""``/v1/batches`` over HTTP: all rows or none, each ended once, whoever dies in between."""

import base64
import gzip
import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx2
import psutil
import pytest
from redis import Redis

from contract import jobs, keys
from contract.jobs import Lane
from gateway.batches import store as batch_store
from gateway.batches.results import accepts_gzip
from gateway.batches.store import RECEIVING, row_id
from tests.collector import collecting
from tests.gateway.conftest import Gateway, Start, running
from tests.gateway.receiver import receiving
from tests.gateway.test_keys import bearing, make
from tests.gateway.test_webhooks import verified
from tests.working import Rule, wait_for, working

JSON, LINES, CSV = "application/json", "application/x-ndjson", "text/csv"


def send(
    gateway: Gateway, body: object, form: str = JSON, headers: dict | None = None, **options: Any
) -> httpx2.Response:
    content = json.dumps(body).encode() if form == JSON and not isinstance(body, bytes) else body
    return gateway.http.post(
        "/v1/batches", content=content, headers={"Content-Type": form, **(headers or {})}, params=options
    )  # type: ignore[arg-type]


def read(gateway: Gateway, id: str, prefer: str = "wait=20") -> dict[str, Any]:
    return dict(gateway.http.get(f"/v1/batches/{id}", headers={"Prefer": prefer}).json())


def results(gateway: Gateway, id: str, **options: Any) -> list[dict[str, Any]]:
    answer = gateway.http.get(f"/v1/batches/{id}/results", params=options)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/x-ndjson")
    return [json.loads(line) for line in answer.text.split("\n")[:-1]]


def statuses(redis: Redis) -> list[str]:
    return sorted(redis.hget(key, "status") for key in redis.keys(keys.prediction("*")))


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
def apart(apart_url: str) -> Iterator[Redis]:
    with Redis.from_url(apart_url, decode_responses=True) as client:
        yield client


@pytest.mark.parametrize(
    ("form", "body"),
    [
        (JSON, b'["fine", {"text": "a bad day", "id": "r\\u00e9"}, ""]'),
        (LINES, b'"fine"\n{"text": "a bad day", "id": "r\\u00e9"}\n""\n'),
        (CSV, 'id,text\n,fine\nré,a bad day\n,""\n'.encode()),
    ],
)
def test_every_row_gets_its_line_in_order_in_every_form(
    gateway: Gateway, redis_url: str, form: str, body: bytes
) -> None:
    with working(redis_url, Rule()):
        answer = send(gateway, body, form, {"Prefer": "wait=20"})
        assert (answer.status_code, answer.headers["Preference-Applied"]) == (201, "wait=20")
        batch = answer.json()
    assert (batch["status"], batch["progress"]) == ("completed", 1)
    assert batch["counts"] == {"total": 3, "succeeded": 2, "failed": 1, "canceled": 0, "open": 0}
    assert answer.headers["Location"] == batch["urls"]["get"] == f"{gateway.url}/v1/batches/{batch['id']}"
    fine, bad, empty = results(gateway, batch["id"])
    assert [line["row"] for line in (fine, bad, empty)] == [0, 1, 2]
    assert (fine["status"], fine["output"]["label"], fine["version"]) == ("succeeded", "positive", "1")
    assert (bad["output"]["label"], bad["client_id"]) == ("negative", "ré")
    assert (empty["status"], empty["id"], empty["error_code"]) == ("failed", None, "empty_text")
    assert gateway.get(bad["id"]).json()["output"] == bad["output"], "a row is a prediction like any other"
    assert read(gateway, batch["id"]) == batch


def test_a_batch_that_waits_says_so_and_its_rows_lie_in_the_bulk_queue(
    gateway: Gateway, redis: Redis
) -> None:
    answer = send(gateway, ["one", "two", {"text": "x", "oops": 1}], metadata='{"order": "ü"}')
    assert answer.status_code == 202
    batch = answer.json()
    assert (batch["status"], batch["metadata"], batch["completed_at"]) == ("processing", {"order": "ü"}, None)
    assert batch["counts"] == {"total": 3, "succeeded": 0, "failed": 1, "canceled": 0, "open": 2}
    assert batch["progress"] == pytest.approx(1 / 3, abs=1e-5)
    rows = [row_id(batch["id"], row) for row in range(2)]
    assert redis.lrange(keys.queue(jobs.queue_name("sentiment", Lane.BULK)), 0, -1) == rows
    assert [line["status"] for line in results(gateway, batch["id"])] == ["starting", "starting", "failed"]
    assert redis.ttl(keys.batch(batch["id"])) == -1
    assert redis.zcard(RECEIVING) == 0


def test_options_hold_for_every_row(gateway: Gateway, redis_url: str, redis: Redis) -> None:
    with working(redis_url, Rule(limit=10)):
        options = {"priority": "high", "top_k": 1, "truncate": False}
        id = send(gateway, ["short", "much longer than ten"], **options).json()["id"]
        assert read(gateway, id)["status"] == "completed"
        explained = send(gateway, ["good"], explain=True).json()["id"]
        assert read(gateway, explained)["status"] == "completed"
    short, long = results(gateway, id)
    assert len(short["output"]["scores"]) == 1
    assert (long["status"], long["error_code"]) == ("failed", "text_too_long")
    assert redis.hget(keys.job(short["id"]), "origin") == "sentiment:high"
    assert results(gateway, explained)[0]["output"]["explanation"]


def test_metadata_of_a_row_comes_back_with_its_result(gateway: Gateway) -> None:
    id = send(gateway, [{"text": "one", "metadata": {"k": "é"}, "id": 3}]).json()["id"]
    [line] = results(gateway, id)
    assert (line["metadata"], line["client_id"]) == ({"k": "é"}, 3)
    assert gateway.get(line["id"]).json()["metadata"] == {"k": "é"}


def test_a_deadline_holds_for_every_row(gateway: Gateway) -> None:
    id = send(gateway, ["one", "two"], headers={"Cancel-After": "1s"}).json()["id"]
    batch = read(gateway, id)
    assert (batch["status"], batch["counts"]["canceled"]) == ("completed", 2)


def test_a_batch_of_refused_rows_only_has_ended_at_once(gateway: Gateway) -> None:
    answer = send(gateway, ["", " "])
    assert (answer.status_code, answer.json()["status"]) == (201, "completed")
    assert answer.json()["counts"]["failed"] == 2


def test_the_end_is_told_once_by_the_event_of_the_last_row(
    gateway: Gateway, redis_url: str, redis: Redis
) -> None:
    with working(redis_url, Rule()):
        id = send(gateway, ["fine"] * 20, webhook="http://127.0.0.1:9/").json()["id"]
        read(gateway, id)
    events = [fields for _, fields in redis.xrange(keys.EVENTS) if fields["type"] == "batch.completed"]
    assert [(event["id"], event["webhook"]) for event in events] == [(id, "1")]
    assert 86_000 < redis.ttl(keys.batch(id)) <= 86_400


def test_the_receiver_gets_the_ended_batch_signed_and_once(gateway: Gateway, redis_url: str) -> None:
    with receiving() as receiver, working(redis_url, Rule()):
        id = send(gateway, ["fine"] * 20, webhook=receiver.url, metadata='{"n": 7}').json()["id"]
        wait_for(lambda: receiver.received)
        time.sleep(0.5)
        assert verified(gateway, receiver) == [read(gateway, id)]


def test_rows_count_against_the_keys_quota_and_a_spent_one_is_429(
    start: Start, apart: Redis, apart_url: str
) -> None:
    key = make(apart_url, "--quota", "400")
    with start() as gateway, bearing(gateway, key) as shop:
        while time.time() % 60 > 50:  # a quota starts anew with the minute
            time.sleep(1)
        headers = {"Content-Type": JSON}
        first = shop.post("/v1/batches", content=json.dumps(["x"] * 100), headers=headers)
        assert (first.status_code, first.headers["RateLimit"].split(";")[1]) == (202, "r=300")
        spent = shop.post("/v1/batches", content=json.dumps(["x"] * 301), headers=headers)
        assert (spent.status_code, spent.json()["code"]) == (429, "quota_spent")
        assert {"retry-after", "ratelimit", "ratelimit-policy"} <= spent.headers.keys()
        wait_for(lambda: not apart.zcard(RECEIVING))
        assert statuses(apart) == ["canceled"] * 300 + ["starting"] * 100


def test_a_chunk_of_rows_is_one_span_that_each_of_them_carries_on(start: Start, apart: Redis) -> None:
    with collecting() as collector:
        with start(OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint) as gateway:
            id = send(gateway, ["x"] * 300).json()["id"]
        served, published = collector.one("POST /v1/batches"), collector.named("publish sentiment")
    assert [span.attributes["messaging.batch.message_count"] for span in published] == [256, 44]
    assert {(span.trace, span.parent, span.attributes["messaging.message.id"]) for span in published} == {
        (served.trace, served.id, id)
    }
    for row, span in ((0, published[0]), (299, published[1])):
        carried = apart.hget(keys.prediction(row_id(id, row)), "trace")
        assert carried.startswith(f"00-{span.trace}-{span.id}-")


def test_what_lies_beside_a_batch_expires_with_it(gateway: Gateway, redis: Redis) -> None:
    id = send(gateway, [{"text": "", "id": 1}]).json()["id"]
    for key in (keys.batch(id), batch_store.refused_key(id), batch_store.ids_key(id)):
        assert 86_000 < redis.ttl(key) <= 86_400


@pytest.mark.parametrize(
    ("form", "body", "status", "code"),
    [
        (JSON, b"[]", 422, "invalid"),
        (LINES, b"\n\n", 422, "invalid"),
        (CSV, b"review\nfine\n", 422, "invalid"),
        (JSON, b'["one", "two"', 400, "malformed"),
        (JSON, b'{"text": "one"}', 400, "malformed"),
        (CSV, b'text\none\n"two', 400, "malformed"),
        ("text/plain", b"one", 400, "bad_header"),
        ("application/x-www-form-urlencoded", b"one", 400, "bad_header"),
    ],
)
def test_what_is_no_batch_is_refused_and_leaves_no_row_that_runs(
    gateway: Gateway, redis: Redis, form: str, body: bytes, status: int, code: str
) -> None:
    answer = send(gateway, body, form)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    wait_for(lambda: set(statuses(redis)) <= {"canceled"} and not redis.zcard(RECEIVING))
    assert redis.llen(keys.queue("sentiment:bulk")) == 0


@pytest.mark.parametrize(
    ("options", "pointer"),
    [
        ({"modle": "sentiment"}, "#/modle"),
        ({"model": "nobody"}, "#/model"),
        ({"priority": "urgent"}, "#/priority"),
        ({"webhook": "ftp://x/"}, "#/webhook"),
        ({"metadata": "[1]"}, "#/metadata"),
        ({"metadata": '{"a": NaN}'}, "#/metadata"),
        ({"top_k": 0}, "#/top_k"),
    ],
)
def test_a_wrong_option_names_itself(gateway: Gateway, options: dict, pointer: str) -> None:
    answer = send(gateway, ["one"], **options)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


def test_too_many_rows_are_413_and_none_runs(start: Start, apart: Redis) -> None:
    with start(GATEWAY_BATCH_ROWS="600") as gateway:
        assert send(gateway, ["x"] * 600).status_code == 202
        answer = send(gateway, ["x"] * 601)
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
        wait_for(lambda: apart.llen(keys.queue("sentiment:bulk")) == 600 and not apart.zcard(RECEIVING))
    assert statuses(apart).count("starting") == 600
    assert int(apart.hget(keys.backlog("sentiment"), "size")) == 600 * len('{"text":"x"}')


def test_too_many_bytes_are_413_announced_or_not(start: Start, apart: Redis) -> None:
    with start(GATEWAY_BATCH_SIZE="10000") as gateway:
        assert send(gateway, ["x" * 9000]).status_code == 202
        assert send(gateway, ["x" * 10_000]).status_code == 413
        pieces = iter([b'["one"', *[b',"' + b"x" * 1000 + b'"'] * 20, b"]"])
        answer = gateway.http.post("/v1/batches", content=pieces, headers={"Content-Type": JSON})
        assert answer.status_code == 413
        wait_for(lambda: apart.llen(keys.queue("sentiment:bulk")) == 1)


def test_a_full_queue_that_stays_full_is_503_and_no_row_runs(start: Start, apart: Redis) -> None:
    with start(GATEWAY_QUEUE_LIMIT="300", GATEWAY_BATCH_PATIENCE="0.5") as gateway:
        answer = send(gateway, ["x"] * 500)
        assert (answer.status_code, answer.json()["code"]) == (503, "queue_full")
        assert "Retry-After" in answer.headers
        wait_for(lambda: statuses(apart) == ["canceled"] * 300)
        assert apart.llen(keys.queue("sentiment:bulk")) == 0
        assert send(gateway, ["x"] * 300).status_code == 202, "there is room again"


def test_a_full_queue_that_moves_is_waited_for(start: Start, apart_url: str) -> None:
    with start(GATEWAY_QUEUE_LIMIT="100") as gateway, working(apart_url, Rule(seconds=0.01), batch_size=50):
        id = send(gateway, ["x"] * 1000).json()["id"]
        batch = read(gateway, id)
    assert batch["counts"] == {"total": 1000, "succeeded": 1000, "failed": 0, "canceled": 0, "open": 0}


def started_upload(gateway: Gateway, rows: int, headers: str = "") -> socket.socket:
    """An upload that has sent so many rows and goes on later."""
    connection = socket.create_connection(("127.0.0.1", int(gateway.url.rpartition(":")[2])))
    connection.sendall(
        f"POST /v1/batches HTTP/1.1\r\nHost: x\r\nContent-Type: {LINES}\r\n{headers}"
        f"Content-Length: 100000000\r\n\r\n".encode()
        + b'"x"\n' * rows
    )
    return connection


def test_an_upload_that_breaks_off_leaves_no_row_that_runs(gateway: Gateway, redis: Redis) -> None:
    connection = started_upload(gateway, 700)
    wait_for(lambda: redis.llen(keys.queue("sentiment:bulk")) == 512)
    connection.close()
    wait_for(lambda: statuses(redis) == ["canceled"] * 512 and not redis.zcard(RECEIVING))
    assert redis.llen(keys.queue("sentiment:bulk")) == 0
    [batch] = gateway.http.get("/v1/batches").json()["results"]
    assert (batch["status"], batch["counts"]["canceled"]) == ("canceled", 512)


def test_a_client_that_falls_silent_is_408_and_no_row_runs(start: Start, apart: Redis) -> None:
    with start(GATEWAY_BODY_PATIENCE="1") as gateway:
        connection = started_upload(gateway, 300)
        assert b" 408 " in connection.recv(1000)
        connection.close()
        wait_for(lambda: statuses(apart) == ["canceled"] * 256 and not apart.zcard(RECEIVING))


def test_a_gateway_that_dies_while_it_receives_leaves_no_row_that_runs(
    apart_url: str, apart: Redis, tmp_path: Any
) -> None:
    with running(apart_url, tmp_path / "other.log") as other:
        with running(apart_url, tmp_path / "dies.log") as gateway:
            connection = started_upload(gateway, 600)
            wait_for(lambda: apart.llen(keys.queue("sentiment:bulk")) == 512)
            gateway.process.send_signal(signal.SIGKILL)
            gateway.process.wait(10)
        connection.close()
        [id] = apart.zrange(RECEIVING, 0, -1)
        assert read(other, id, "wait=1")["status"] == "receiving", "its lease holds"
        apart.zadd(RECEIVING, {id: time.time() - 1})  # what a minute does
        wait_for(lambda: statuses(apart) == ["canceled"] * 512)
        assert read(other, id)["status"] == "canceled"
        assert apart.llen(keys.queue("sentiment:bulk")) == 0


def test_a_batch_whose_lease_was_lost_is_not_sealed(gateway: Gateway, redis: Redis) -> None:
    connection = started_upload(gateway, 300)
    wait_for(lambda: redis.llen(keys.queue("sentiment:bulk")) == 256)
    [id] = redis.zrange(RECEIVING, 0, -1)
    redis.zadd(RECEIVING, {id: 1})
    wait_for(lambda: not redis.zcard(RECEIVING))
    connection.sendall(b'"x"\n' * 600)
    assert b" 409 " in connection.recv(1000)
    connection.close()
    wait_for(lambda: not redis.zcard(RECEIVING))
    assert set(statuses(redis)) == {"canceled"}


def test_cancel_ends_every_open_row_and_frees_the_queue(
    gateway: Gateway, redis_url: str, redis: Redis
) -> None:
    before = send(gateway, ["before"] * 3).json()["id"]
    id = send(gateway, ["x"] * 1500).json()["id"]
    behind = send(gateway, ["behind"] * 3).json()["id"]
    batch = gateway.http.post(f"/v1/batches/{id}/cancel").json()
    assert (batch["status"], batch["counts"]["canceled"], batch["counts"]["open"]) == ("canceled", 1500, 0)
    rows = [row_id(other, row) for other in (before, behind) for row in range(3)]
    assert redis.lrange(keys.queue("sentiment:bulk"), 0, -1) == rows
    size = sum(len(redis.hget(keys.prediction(row), "input")) for row in rows)
    assert int(redis.hget(keys.backlog("sentiment"), "size")) == size
    assert gateway.http.post(f"/v1/batches/{id}/cancel").json() == batch, "canceling again changes nothing"
    assert {line["status"] for line in results(gateway, id)} == {"canceled"}
    with working(redis_url, Rule()):
        assert {read(gateway, other)["status"] for other in (before, behind)} == {"completed"}


def test_cancel_while_the_rows_run_ends_each_once(gateway: Gateway, redis_url: str, redis: Redis) -> None:
    with working(redis_url, Rule(seconds=0.01), batch_size=16):
        id = send(gateway, ["x"] * 1000).json()["id"]
        wait_for(lambda: read(gateway, id, "wait=0")["counts"]["succeeded"] > 50)
        counts = gateway.http.post(f"/v1/batches/{id}/cancel").json()["counts"]
        assert counts["succeeded"] + counts["canceled"] == 1000
        assert counts["canceled"] > 0
    ended = [fields["id"] for _, fields in redis.xrange(keys.EVENTS)]
    assert len(ended) == len(set(ended)) == 1001


def test_rows_come_in_order_from_any_row_on_and_in_gzip(gateway: Gateway) -> None:
    id = send(gateway, [f"row {number}" for number in range(1200)]).json()["id"]
    assert [line["row"] for line in results(gateway, id)] == list(range(1200))
    assert [line["row"] for line in results(gateway, id, **{"from": 1190})] == list(range(1190, 1200))
    assert results(gateway, id, **{"from": 1200}) == []
    with gateway.http.stream(
        "GET", f"/v1/batches/{id}/results", headers={"Accept-Encoding": "gzip"}
    ) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        packed = b"".join(answer.iter_raw())
    assert gzip.decompress(packed).count(b"\n") == 1200
    plain = gateway.http.get(f"/v1/batches/{id}/results", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers


@pytest.mark.parametrize(
    ("header", "accepts"),
    [
        ("gzip", True),
        ("br, gzip;q=0.5", True),
        ("*", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("", False),
    ],
)
def test_gzip_only_for_those_who_take_it(header: str, accepts: bool) -> None:
    assert accepts_gzip(header) is accepts


def test_a_result_past_its_retention_says_so(gateway: Gateway, redis_url: str, redis: Redis) -> None:
    with working(redis_url, Rule()):
        id = send(gateway, ["one", "two"]).json()["id"]
        read(gateway, id)
    redis.delete(keys.prediction(row_id(id, 0)))
    assert [line["status"] for line in results(gateway, id)] == ["expired", "succeeded"]


def test_the_list_pages_from_new_to_old_and_back(gateway: Gateway) -> None:
    ids = [send(gateway, ["x"]).json()["id"] for _ in range(5)][::-1]
    first = gateway.http.get("/v1/batches", params={"limit": 2}).json()
    second = gateway.http.get(first["next"]).json()
    third = gateway.http.get(second["next"]).json()
    pages = [[batch["id"] for batch in page["results"]] for page in (first, second, third)]
    assert pages == [ids[:2], ids[2:4], ids[4:]]
    assert (first["previous"], third["next"]) == (None, None)
    assert gateway.http.get(third["previous"]).json()["results"] == second["results"]


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("GET", "/results"), ("POST", "/cancel")])
def test_an_unknown_batch_is_404(gateway: Gateway, method: str, path: str) -> None:
    answer = gateway.http.request(method, f"/v1/batches/nobody{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_another_owners_batch_is_404(gateway: Gateway, redis: Redis) -> None:
    id = send(gateway, ["x"]).json()["id"]
    redis.hset(keys.batch(id), "owner", "somebody else")
    for method, path in (("GET", ""), ("GET", "/results"), ("POST", "/cancel")):
        assert gateway.http.request(method, f"/v1/batches/{id}{path}").status_code == 404


def test_the_same_create_again_is_the_same_batch(gateway: Gateway, redis: Redis) -> None:
    again = partial(send, gateway, headers={"Idempotency-Key": '"order 7"'})
    first, second = again(["one", "two"]), again(["one", "two"])
    assert (first.status_code, second.status_code) == (202, 202)
    assert second.json() == first.json()
    assert second.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert redis.llen(keys.queue("sentiment:bulk")) == 2
    for other in (again(["one", "three"]), again(["one", "two"], priority="high")):
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")


def test_the_same_create_while_the_first_is_received_is_409(gateway: Gateway, redis: Redis) -> None:
    connection = started_upload(gateway, 300, "Idempotency-Key: k\r\n")
    wait_for(lambda: redis.zcard(RECEIVING))
    answer = send(gateway, ["x"], headers={"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json()["code"]) == (409, "in_flight")
    connection.close()
    wait_for(lambda: not redis.zcard(RECEIVING))
    assert send(gateway, ["x"], headers={"Idempotency-Key": "k"}).status_code == 202, "the key is free again"


def test_twenty_racing_creates_with_one_key_make_one_batch(gateway: Gateway, redis: Redis) -> None:
    barrier = threading.Barrier(20)

    def create(_: int) -> int:
        with httpx2.Client(base_url=gateway.url, trust_env=False, timeout=30) as http:
            barrier.wait()
            headers = {"Content-Type": JSON, "Idempotency-Key": "race"}
            return http.post("/v1/batches", content=json.dumps(["x"] * 300), headers=headers).status_code

    with ThreadPoolExecutor(20) as at_once:
        codes = list(at_once.map(create, range(20)))
    assert set(codes) <= {202, 409}
    assert 202 in codes
    assert len([key for key in redis.keys(keys.batch("*")) if key.count(":") == 2]) == 1
    assert redis.llen(keys.queue("sentiment:bulk")) == 300


def test_no_text_of_a_row_is_in_the_log(start: Start, apart_url: str) -> None:
    with start(GATEWAY_LOG_LEVEL="DEBUG") as gateway, working(apart_url, Rule()):
        send(gateway, ["quokkaberry", "quokkaberry\0"])
        broken = send(gateway, b'["quokkaberry", quokkaberry')
        csv = send(gateway, b'text\n"quokkaberry"quokkaberry\n', CSV)
        log = gateway.log.read_text()
    assert (broken.status_code, csv.status_code) == (400, 400)
    assert "quokkaberry" not in log + broken.text + csv.text


def big(rows: int) -> Iterator[bytes]:
    """Rows of a hundred characters that no compression shrinks."""
    noise = base64.b85encode(bytes(range(256)) * 4).decode()
    for begin in range(0, rows, 500):
        lines = (
            json.dumps({"text": f"{row} {noise[row % 900 :][:80]} 😀", "id": row})
            for row in range(begin, min(begin + 500, rows))
        )
        yield ("\n".join(lines) + "\n").encode()


def peak_during(process: psutil.Process, stop: threading.Event) -> int:
    peak = 0
    while not stop.wait(0.02):
        peak = max(peak, process.memory_info().rss)
    return peak


@pytest.mark.slow
def test_a_hundred_thousand_rows_take_bounded_memory_in_and_out(start: Start, apart: Redis) -> None:
    with start() as gateway:
        send(gateway, ["warm"])
        read(gateway, send(gateway, ["warm"] * 2000).json()["id"], "wait=0")
        apart.flushall()
        process, stop = psutil.Process(gateway.process.pid), threading.Event()
        before = process.memory_info().rss
        with ThreadPoolExecutor(1) as watch:
            peak = watch.submit(peak_during, process, stop)
            begun = time.perf_counter()
            answer = gateway.http.post(
                "/v1/batches", content=big(100_000), headers={"Content-Type": LINES}, timeout=120
            )
            print(f"received {100_000 / (time.perf_counter() - begun):.0f} rows/s")
            assert answer.status_code == 202, answer.text
            id, rows = answer.json()["id"], 0
            begun = time.perf_counter()
            with gateway.http.stream("GET", f"/v1/batches/{id}/results") as lines:
                for line in lines.iter_lines():
                    assert f'"row":{rows},' in line
                    rows += 1
            print(f"streamed {rows / (time.perf_counter() - begun):.0f} rows/s")
            stop.set()
            grown = (peak.result() - before) / 2**20
        print(f"grown by {grown:.1f} MB")
    assert rows == apart.llen(keys.queue("sentiment:bulk")) == 100_000
    assert grown < 40
