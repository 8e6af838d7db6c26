"""The edge: what every answer says to browsers, and what slow, silent and greedy clients cannot do."""

import contextlib
import json
import re
import resource
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from redis import Redis

from contract import keys
from gateway.batches.results import AT_ONCE
from gateway.batches.store import row_id
from gateway.connections import HEAD_LIMIT
from gateway.edge import page_policy
from tests.gateway.conftest import Gateway, Start
from tests.working import Rule, wait_for, working

BODY = b'{"input": {"text": "a fine day"}}'
CREATE = b"POST /v1/predictions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
ALWAYS = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer", "x-frame-options": "DENY"}
SITE = "https://shop.example"


def create(length: int = len(BODY)) -> bytes:
    return CREATE + b"Content-Length: %d\r\n\r\n" % length


@contextlib.contextmanager
def connected(gateway: Gateway) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", gateway.http.base_url.port), timeout=20) as connection:
        yield connection


def told(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """All that the gateway says until it hangs up; status 0 where it says nothing."""
    said = b""
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65536):
            said += part
    head, _, body = said.partition(b"\r\n\r\n")
    line, *headers = head.decode().split("\r\n")
    named = {name.lower(): value for name, value in (header.split(": ", 1) for header in headers)}
    return int(line.split()[1]) if line else 0, named, body


# Headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/livez", 200), ("GET", "/", 200), ("GET", "/page/app.js", 200), ("GET", "/docs", 200),
        ("GET", "/docs/assets/swagger-ui.css", 200), ("GET", "/openapi.json", 200),
        ("GET", "/docs/assets/index.html", 200), ("GET", "/nothing", 404),
        ("GET", "/v1/predictions/unknown", 404),
        ("GET", "/v1/predictions", 200), ("POST", "/v1/predictions", 400), ("DELETE", "/v1/predictions", 405),
        ("GET", "/v2/health/live", 200),
    ],
)  # fmt: skip
def test_every_answer_protects_the_browser_and_no_cache_keeps_a_text(
    gateway: Gateway, method: str, path: str, status: int
) -> None:
    answer = gateway.http.request(method, path)
    assert answer.status_code == status
    assert ALWAYS.items() <= dict(answer.headers).items()
    is_private = path.startswith(("/v1", "/v2"))
    assert ("no-store" in answer.headers.get("Cache-Control", "")) is is_private
    assert len(answer.headers.get_list("X-Frame-Options")) == 1
    is_page = answer.headers.get("Content-Type", "").startswith("text/html")
    assert ("Content-Security-Policy" in answer.headers) is is_page


def test_the_documentation_may_run_its_own_scripts_and_nothing_else(gateway: Gateway) -> None:
    page = gateway.http.get("/docs")
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self' 'sha256-")
    assert "unsafe-eval" not in policy
    assert "script-src 'self' 'unsafe-inline'" not in policy
    assert len(re.findall("sha256-", policy)) == len(re.findall("<script>", page.text)) == 1
    assert page_policy(page.content) == policy
    assert page_policy(page.content.replace(b"BaseLayout", b"OtherLayout")) != policy


def test_other_sites_may_ask_only_where_the_operator_says_so(gateway: Gateway, start: Start) -> None:
    asks = {
        "Origin": SITE,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    answer = gateway.http.options("/v1/predictions", headers=asks)
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert "Access-Control-Allow-Origin" not in gateway.http.get("/livez", headers={"Origin": SITE}).headers
    with start(GATEWAY_CORS_ORIGINS=f"{SITE}, https://other.example") as open_to:
        answer = open_to.http.options("/v1/predictions", headers=asks)
        assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, SITE)
        assert "authorization" in answer.headers["Access-Control-Allow-Headers"].lower()
        assert "Access-Control-Allow-Credentials" not in answer.headers
        created = open_to.http.post(
            "/v1/predictions", content=BODY, headers={"Origin": SITE, "Content-Type": "application/json"}
        )
        assert (created.status_code, created.headers["Access-Control-Allow-Origin"]) == (202, SITE)
        assert "Location" in created.headers["Access-Control-Expose-Headers"]
        assert ALWAYS.items() <= dict(created.headers).items()
        stranger = open_to.http.get("/livez", headers={"Origin": "https://evil.example"})
        assert "Access-Control-Allow-Origin" not in stranger.headers


# Slow and silent clients


@pytest.fixture(scope="module")
def hasty(module_url, tmp_path_factory) -> Iterator[Gateway]:
    """A gateway that waits for half a second. Over a Redis that other tests of this module do not empty."""
    from tests.gateway.conftest import running

    log = tmp_path_factory.mktemp("hasty") / "gateway.log"
    with running(
        module_url, log, GATEWAY_HEAD_PATIENCE="0.5", GATEWAY_BODY_PATIENCE="0.5", GATEWAY_LOG_LEVEL="DEBUG"
    ) as started:
        yield started


@pytest.mark.parametrize(
    "sent",
    [
        b"", b"\r\n", b"GET", b"GET /livez HTTP/1.1\r\n", b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        create(), create() + BODY[:5],
        CREATE + b"Transfer-Encoding: chunked\r\n\r\n",
        CREATE + b"Transfer-Encoding: chunked\r\n\r\n5\r\n" + BODY[:5],
        CREATE + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n",
    ],
    ids=lambda sent: repr(sent[-25:]),
)  # fmt: skip
def test_a_request_that_does_not_come_is_408_and_the_connection_ends(hasty: Gateway, sent: bytes) -> None:
    with connected(hasty) as connection:
        connection.sendall(sent)
        begun = time.monotonic()
        if b"100-continue" in sent:
            assert connection.recv(65536).startswith(b"HTTP/1.1 100")
        status, headers, body = told(connection)
    assert (status, headers["connection"], json.loads(body)["code"]) == (408, "close", "too_slow")
    assert headers["content-type"] == "application/problem+json"
    assert ALWAYS.items() <= headers.items()
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("first", [b"", b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"], ids=["new", "kept alive"])
@pytest.mark.parametrize("drop", [b"\r\n", b"X: y\r\n", BODY[:1]], ids=["empty lines", "headers", "body"])
def test_dripping_does_not_lengthen_the_time(hasty: Gateway, first: bytes, drop: bytes) -> None:
    with connected(hasty) as connection:
        if first:
            connection.sendall(first)
            answer = b""
            while not answer.endswith(b"}"):
                answer += connection.recv(65536)
            assert answer.startswith(b"HTTP/1.1 200")
        starts = {b"\r\n": b"", b"X: y\r\n": b"GET /livez HTTP/1.1\r\nHost: x\r\n", BODY[:1]: create(1000)}
        connection.sendall(starts[drop])
        connection.settimeout(0.05)
        begun = time.monotonic()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while time.monotonic() - begun < 15:
                connection.sendall(drop)
                with contextlib.suppress(TimeoutError):
                    said = connection.recv(65536)
                    break
        assert said.startswith(b"HTTP/1.1 408")


def test_a_body_nobody_asked_for_ends_too(hasty: Gateway) -> None:
    """The answer is there before the body; what drips in afterwards keeps no connection."""
    with connected(hasty) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
        connection.settimeout(0.05)
        begun = time.monotonic()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while time.monotonic() - begun < 15:
                connection.sendall(b"x")
                with contextlib.suppress(TimeoutError):
                    if not connection.recv(65536):
                        break
        assert time.monotonic() - begun < 10


def test_a_slow_answer_is_no_slow_request(hasty: Gateway) -> None:
    assert hasty.create("a fine day", prefer="wait=2").status_code == 202


def test_requests_sent_without_waiting_for_answers_are_all_answered(hasty: Gateway) -> None:
    wait = b"Prefer: wait=1\r\n"
    one = CREATE + wait + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
    last = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with connected(hasty) as connection:
        connection.sendall(one + one + last[:20])
        time.sleep(0.8)
        connection.sendall(last[20:])
        said = b""
        while part := connection.recv(65536):
            said += part
    assert re.findall(rb"HTTP/1.1 (\d+)", said) == [b"202", b"202", b"200"]


def test_two_hundred_slow_clients_stop_nobody_and_are_all_hung_up_on(hasty: Gateway) -> None:
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(connected(hasty)) for _ in range(200)]
        for number, connection in enumerate(slow):
            connection.sendall((b"GET /li", create(), create() + BODY[:9])[number % 3])
        with ThreadPoolExecutor(4) as clients:
            answers = list(clients.map(lambda _: hasty.create("a fine day").status_code, range(40)))
        assert answers == [202] * 40
        assert {told(connection)[0] for connection in slow} == {408}
    assert hasty.create("a fine day").status_code == 202


def test_a_head_without_end_is_431(gateway: Gateway) -> None:
    with connected(gateway) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nX: ")
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for _ in range(100):
                connection.sendall(b"x" * (HEAD_LIMIT // 8))
                time.sleep(0.005)
        # The rest of what was sent may reset the connection before the answer is read.
        assert told(connection)[0] in (431, 0)
    usual = gateway.http.get("/livez", headers={"X": "x" * 16_000})
    assert usual.status_code == 200


def test_what_is_not_http_is_a_problem_too(gateway: Gateway) -> None:
    with connected(gateway) as connection:
        connection.sendall(b"\x16\x03\x01 canary\r\n\r\n")
        status, headers, body = told(connection)
    assert (status, json.loads(body)["code"], headers["connection"]) == (400, "bad_header", "close")
    assert b"canary" not in body


def test_one_connection_too_many_is_503_and_the_others_go_on(start: Start) -> None:
    with start(GATEWAY_CONNECTIONS="8") as gateway, contextlib.ExitStack() as stack:
        kept = [stack.enter_context(connected(gateway)) for _ in range(7)]  # and the one of gateway.http
        assert gateway.http.get("/livez").status_code == 200
        with connected(gateway) as one_more:
            status, headers, body = told(one_more)
        assert (status, json.loads(body)["code"], headers["retry-after"]) == (503, "overloaded", "1")
        kept[0].sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert told(kept[0])[0] == 200
        with connected(gateway) as next_one:
            next_one.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert told(next_one)[0] == 200


def test_the_gateway_takes_as_many_files_as_its_connections_need(gateway: Gateway) -> None:
    soft, hard = resource.prlimit(gateway.process.pid, resource.RLIMIT_NOFILE)
    assert soft == hard or soft >= 20_000


def test_a_client_that_breaks_off_in_its_body_is_no_error(start: Start) -> None:
    with start() as gateway:
        with connected(gateway) as connection:
            connection.sendall(create() + BODY[:9])
            time.sleep(0.2)
        wait_for(lambda: 'status="400"' in gateway.http.get("/metrics").text)
    assert "request.failed" not in gateway.log.read_text()


# No text


def test_no_text_reaches_the_log_however_it_is_sent(start: Start, apart_url: str) -> None:
    canary = "xyzzy-canary"
    say = canary.encode()
    bodies = [
        say, b'"%s"' % say, b'{"input": {"text": "%s"}, "%s": 1}' % (say, say), b'{"input": "%s"}' % say,
        b'{"input": {"text": "%s", "top_k": "%s"}}' % (say, say), b'{"input": {"text": "%s' % say,
        b'{"%s": 1, "%s": 2}' % (say, say), b'{"input": {"text": "a"}, "webhook": "http://%s:x/"}' % say,
        b'{"input": {"text": "a"}, "model": "%s"}' % say, b'{"input": {"text": "a"}, "version": "%s"}' % say,
        b'{"input": {"text": "a"}, "webhook": "http://user:%s@127.0.0.1/"}' % say, b"\xff" + say,
        b'{"input": {"text": "a"}, "metadata": {"%s": NaN}}' % say, b'{"input": {"text": "poison %s"}}' % say,
    ]  # fmt: skip
    routes = [
        ("POST", "/v1/predictions"), ("PUT", f"/v1/predictions/{canary}"), ("POST", "/v1/batches"),
        ("POST", f"/v1/models/barometer/{canary}/predictions"), ("POST", "/v2/models/sentiment/infer"),
        ("POST", f"/v1/predictions/{canary}/feedback"), ("POST", "/v1/webhook-endpoints"),
        ("POST", f"/{canary}?{canary}={canary}"), ("GET", f"/v1/predictions?cursor={canary}&status={canary}"),
        ("GET", f"/v1/predictions/{canary}%20"), ("GET", f"/v1/predictions/{canary}/stream"),
    ]  # fmt: skip
    names = (
        "Prefer",
        "Cancel-After",
        "Idempotency-Key",
        "Last-Event-ID",
        "Authorization",
        "traceparent",
        "Cookie",
    )
    statuses: set[int] = set()
    with start(GATEWAY_LOG_LEVEL="DEBUG") as gateway, working(apart_url, Rule()):
        with contextlib.suppress(httpx2.HTTPError), connected(gateway) as connection:
            connection.sendall(b"GET /%s\x01 HTTP/1.1\r\n%s\r\n\r\n" % (say, say))
            statuses.add(told(connection)[0])
        for method, path in routes:
            for body in bodies:
                headers = {"Content-Type": "application/json"}
                statuses.add(gateway.http.request(method, path, content=body, headers=headers).status_code)
        for name in names:
            for path in ("/v1/predictions", f"/v1/predictions/{canary}"):
                method, content = ("POST", BODY) if path == "/v1/predictions" else ("GET", b"")
                headers = {"Content-Type": "application/json", name: canary}
                statuses.add(gateway.http.request(method, path, content=content, headers=headers).status_code)
        gateway.http.post("/v1/predictions", content=BODY, headers={"Content-Type": canary})
        assert not {status for status in statuses if status >= 500}
        assert canary not in gateway.http.get("/metrics").text
    log = gateway.log.read_text()
    assert "gateway.ready" in log
    assert canary not in log


def test_an_unexpected_error_is_logged_by_its_place_without_its_words(start: Start, apart_url: str) -> None:
    canary = "xyzzy-canary"
    with start(GATEWAY_LOG_LEVEL="DEBUG") as gateway:
        id = gateway.create("a fine day").json()["id"]
        Redis.from_url(apart_url).hset(keys.prediction(id), "created_at", canary)
        answer = gateway.get(id)
        assert (answer.status_code, answer.json()["code"]) == (500, "internal")
        assert canary not in answer.text
    log = gateway.log.read_text()
    assert [line["path"] for line in failed(log)] == [f"/v1/predictions/{id}"]
    assert canary not in log


def test_an_error_after_the_answer_began_is_logged_as_well(start: Start, apart_url: str) -> None:
    texts = json.dumps(["a fine day"] * (AT_ONCE + 1))
    with start() as gateway:
        headers = {"Content-Type": "application/json"}
        batch = gateway.http.post("/v1/batches", content=texts, headers=headers).json()["id"]
        key = keys.prediction(row_id(batch, AT_ONCE))
        with Redis.from_url(apart_url) as redis:
            redis.delete(key)
            redis.set(key, "not a hash")
        with pytest.raises(httpx2.RemoteProtocolError):
            gateway.http.get(f"/v1/batches/{batch}/results")
    found = failed(gateway.log.read_text())
    assert [line["path"] for line in found] == [f"/v1/batches/{batch}/results"]


def failed(log: str) -> list[dict]:
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == "request.failed"]
