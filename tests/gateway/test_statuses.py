"""Every row of the table of errors in docs/api.md: provoked, and answered as the table says."""

import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gateway import errors
from tests.conftest import RedisServer, serve
from tests.gateway.conftest import Gateway, held_up, running
from tests.gateway.test_batches import started_upload
from tests.gateway.test_inference import INFER, tensor
from tests.gateway.test_keys import make
from tests.working import Rule, wait_for, working

TABLE = Path(__file__).parents[2] / "docs" / "api.md"
JSON = {"Content-Type": "application/json"}
FINE = {"input": {"text": "fine"}}


@dataclass
class Service:
    """A gateway and its Redis, which is its own where a test says so."""

    gateway: Gateway
    redis_url: str
    redis: RedisServer | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def post(self, path: str, json: Any = None, **options: Any) -> httpx2.Response:
        headers = {**self.headers, **options.pop("headers", {})}
        return self.gateway.http.post(path, json=json, headers=headers, **options)

    def create(self, **fields: Any) -> httpx2.Response:
        headers = fields.pop("headers", {"Prefer": "wait"})
        return self.post("/v1/predictions", {**FINE, **fields}, headers=headers)


def documented() -> list[tuple[int, str]]:
    rows = re.findall(r"^\| (\d{3}) \| `(\w+)` \|", TABLE.read_text("utf-8"), re.MULTILINE)
    return [(int(status), code) for status, code in rows]


def raised() -> set[tuple[int, str]]:
    def below(kind: type[errors.GatewayError]) -> Iterator[type[errors.GatewayError]]:
        for one in kind.__subclasses__():
            yield one
            yield from below(one)

    # Nobody is left to read this one.
    return {(one.status, one.code) for one in below(errors.GatewayError) if one is not errors.BrokenOff}


def test_the_table_has_every_error_that_the_gateway_raises() -> None:
    rows = documented()
    assert len(rows) == len(set(rows))
    # Two are not ours to raise: the router's, and whatever nobody thought of.
    assert set(rows) == raised() | {(405, "method_not_allowed"), (500, "internal")}


def _keyed(service: Service, *options: str) -> Service:
    key = make(service.redis_url, *options)
    wait_for(lambda: service.create().status_code == 401)
    service.headers["Authorization"] = f"Bearer {key}"
    return service


def _unauthenticated(service: Service) -> httpx2.Response:
    make(service.redis_url)
    wait_for(lambda: service.create().status_code == 401)
    return service.create()


def _forbidden(service: Service) -> httpx2.Response:
    return _keyed(service, "--scope", "read").create()


def _spent(service: Service) -> httpx2.Response:
    keyed = _keyed(service, "--quota", "1")
    # A minute may begin between two of them.
    return [keyed.create() for _ in range(3)][-1]


def _in_flight(service: Service) -> httpx2.Response:
    key = "Idempotency-Key: twice\r\n"
    with started_upload(service.gateway, 10, key):
        wait_for(lambda: service.gateway.http.get("/v1/batches").json()["results"])
        return service.post("/v1/batches", ["fine"], headers={"Idempotency-Key": "twice"})


def _canceled_batch(service: Service) -> httpx2.Response:
    with started_upload(service.gateway, 10) as upload:
        wait_for(lambda: service.gateway.http.get("/v1/batches").json()["results"])
        [batch] = service.gateway.http.get("/v1/batches").json()["results"]
        service.post(f"/v1/batches/{batch['id']}/cancel")
        upload.settimeout(10)
        upload.sendall(b'"x"\n' * 1000)
        return _read(upload)


def _disabled(service: Service) -> httpx2.Response:
    made = service.post(
        "/v1/webhook-endpoints", {"url": "http://127.0.0.1:9/", "events": ["prediction.failed"]}
    )
    path = f"/v1/webhook-endpoints/{made.json()['id']}"
    service.gateway.http.patch(path, json={"enabled": False}).raise_for_status()
    return service.post(f"{path}/ping")


def _taken(service: Service) -> httpx2.Response:
    id = service.create().json()["id"]
    return service.gateway.http.put(f"/v1/predictions/{id}", json=FINE)


def _mismatch(service: Service) -> httpx2.Response:
    first, second = ({"Idempotency-Key": "one", "Prefer": wish} for wish in ("wait", "wait=1"))
    service.create(headers=first)
    return service.create(priority="high", headers=second)


def _not_succeeded(service: Service) -> httpx2.Response:
    id = service.create(input={"text": "poison"}).json()["id"]
    return service.post(f"/v1/predictions/{id}/feedback", {"label": "negative"})


def _unknown_label(service: Service) -> httpx2.Response:
    return service.post(f"/v1/predictions/{service.create().json()['id']}/feedback", {"label": "odd"})


def _overloaded(service: Service) -> httpx2.Response:
    with held_up(service.gateway):
        return next(answer for _ in range(50) if (answer := service.create()).status_code == 503)


def _away(service: Service) -> httpx2.Response:
    assert service.redis
    service.redis.stop()
    return service.create()


def _too_slow(service: Service) -> httpx2.Response:
    with _connected(service) as slow:
        slow.sendall(
            b"POST /v1/predictions HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
            b"Content-Length: 50\r\n\r\n{"
        )
        return _read(slow)


def _long_head(service: Service) -> httpx2.Response:
    with _connected(service) as talker:
        talker.sendall(b"GET /livez HTTP/1.1\r\nHost: h\r\nX-Long: ")
        for _ in range(3):
            talker.sendall(b"x" * 40_000)
            time.sleep(0.1)
        return _read(talker)


def _connected(service: Service) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(service.gateway.url.rpartition(":")[2])), 10)


def _read(connection: socket.socket) -> httpx2.Response:
    received = b""
    while not re.search(rb"\r\n\r\n.*}$", received, re.DOTALL):
        part = connection.recv(65536)
        if not part:
            break
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    return httpx2.Response(int(head.split()[1]), content=body)


Provoked = Callable[[Service], httpx2.Response]
#: By (status, code): how a client comes to it, and settings of the gateway.
PROVOKED: dict[tuple[int, str], tuple[Provoked, dict[str, str]]] = {
    (400, "malformed"): (
        lambda it: it.post("/v1/predictions", content=b"{", headers=JSON), {}),
    (400, "bad_header"): (lambda it: it.create(headers={"Cancel-After": "soon"}), {}),
    (401, "unauthenticated"): (_unauthenticated, {}),
    (403, "forbidden"): (_forbidden, {}),
    (404, "not_found"): (lambda it: it.gateway.get("nobody"), {}),
    (405, "method_not_allowed"): (lambda it: it.gateway.http.delete("/v1/predictions"), {}),
    (408, "too_slow"): (_too_slow, {"GATEWAY_BODY_PATIENCE": "0.5"}),
    (409, "in_flight"): (_in_flight, {}),
    (409, "batch_canceled"): (_canceled_batch, {}),
    (409, "endpoint_disabled"): (_disabled, {}),
    (410, "expired"): (lambda it: it.gateway.get("019000000000" + "0" * 14), {}),
    (413, "body_too_large"): (
        lambda it: it.create(input={"text": "x" * 2000}), {"GATEWAY_BODY_LIMIT": "1000"}),
    (413, "too_many_texts"): (lambda it: it.post(INFER, {"inputs": [tensor(*["a"] * 100_000)]}), {}),
    (422, "invalid"): (lambda it: it.create(input={"text": ""}), {}),
    (422, "unknown_model"): (lambda it: it.create(model="nobody"), {}),
    (422, "unknown_version"): (lambda it: it.create(version="99"), {}),
    (422, "id_taken"): (_taken, {}),
    (422, "idempotency_mismatch"): (_mismatch, {}),
    (422, "not_succeeded"): (_not_succeeded, {}),
    (422, "unknown_label"): (_unknown_label, {}),
    (422, "webhook_refused"): (lambda it: it.create(webhook="ftp://receiver.example/"), {}),
    (429, "quota_spent"): (_spent, {}),
    (431, "head_too_large"): (_long_head, {}),
    (500, "prediction_failed"): (lambda it: it.post(INFER, {"inputs": [tensor("poison")]}), {}),
    (503, "queue_full"): (
        lambda it: [it.create(headers={}) for _ in range(2)][-1], {"GATEWAY_QUEUE_LIMIT": "1"}),
    (503, "overloaded"): (_overloaded, {}),
    (503, "queue_unavailable"): (_away, {}),
    (503, "no_worker"): (lambda it: it.gateway.http.get("/readyz"), {}),
    (503, "not_answered"): (
        lambda it: it.post(INFER, {"inputs": [tensor("fine")], "parameters": {"timeout": 1000}}), {}),
    (503, "registry_unavailable"): (
        lambda it: it.gateway.http.get("/v1/models"), {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}),
}  # fmt: skip
#: Nobody answers these: the queue fills, or nobody is ready.
WITHOUT_WORKER = {"queue_full", "queue_unavailable", "no_worker", "not_answered"}
#: These leave a gateway behind that is good for nothing else.
ALONE = {"unauthenticated", "forbidden", "quota_spent", "overloaded", "queue_unavailable"}


@pytest.mark.parametrize(
    ("status", "code"), [row for row in documented() if row != (500, "internal")], ids=str
)
def test_a_client_is_answered_as_documented(
    status: int, code: str, gateway: Gateway, redis_url: str, tmp_path: Path
) -> None:
    provoke, settings = PROVOKED[status, code]
    with ExitStack() as stack:
        service = Service(gateway, redis_url)
        if settings or code in ALONE:
            server = stack.enter_context(contextmanager(serve)("embedded"))
            own = stack.enter_context(running(server.url, tmp_path / "gateway.log", **settings))
            service = Service(own, server.url, server)
        if code not in WITHOUT_WORKER:
            stack.enter_context(working(service.redis_url, Rule()))
            wait_for(lambda: service.gateway.http.get("/readyz").status_code == 200)
        answer = provoke(service)
    assert answer.status_code == status
    # Under /v2 there are no codes, by that protocol's rules.
    assert answer.json().get("code", code) == code
    if status in (429, 503):
        assert int(answer.headers["Retry-After"]) >= 1
