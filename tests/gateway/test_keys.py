"""Keys: made and revoked by a command, asked for everywhere, each with its own predictions and quota."""

import json
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from contract import keys
from contract.keys import SUBSCRIBED_PREFIX
from gateway import keyring
from gateway.access import ANYBODY, Scope
from gateway.errors import Unauthenticated
from gateway.keyring import KEYS, PAUSE_S, Keyring
from gateway.webhooks.endpoints import ENDPOINT_PREFIX
from tests.gateway.conftest import Gateway, Start, running
from tests.working import wait_for

USUAL = (Scope.PREDICT, Scope.READ, Scope.FEEDBACK)
GUESS = "brm_aaaaaaaaaa_" + "A" * 43


def command(redis_url: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "gateway", "keys", *arguments], env={**os.environ, "REDIS_URL": redis_url},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def commanded(redis_url: str, *options: str) -> str:
    done = command(redis_url, "make", "shop", *options)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def make(redis_url: str, *options: str) -> str:
    """What the command does, without a process for it."""
    given = list(zip(options[::2], options[1::2], strict=True))
    scopes = [Scope(value) for name, value in given if name == "--scope"] or USUAL
    quotas = [int(value) for name, value in given if name == "--quota"]
    key, text = keyring.make("shop", scopes, quotas[0] if quotas else None)
    with Redis.from_url(redis_url) as redis:
        redis.hset(KEYS, key.id, key.model_dump_json())
    return text


def id_of(key: str) -> str:
    return key.split("_")[1]


def bearing(gateway: Gateway, key: str, scheme: str = "Bearer") -> httpx2.Client:
    headers = {"Authorization": f"{scheme} {key}"}
    return httpx2.Client(base_url=gateway.url, timeout=30, trust_env=False, headers=headers)


def create(client: httpx2.Client, **headers: str) -> httpx2.Response:
    return client.post("/v1/predictions", json={"input": {"text": "a fine day"}}, headers=headers)


def test_a_key_is_shown_once_and_stored_as_a_hash(apart_url: str) -> None:
    key = commanded(apart_url, "--scope", "read", "--quota", "7")
    assert re.fullmatch(r"brm_[a-z0-9]{8,12}_[A-Za-z0-9_-]{43}", key)
    stored = Redis.from_url(apart_url, decode_responses=True).hgetall(KEYS)
    assert list(stored) == [id_of(key)]
    assert key.split("_", 2)[2] not in str(stored)
    known = json.loads(stored[id_of(key)])
    assert (known["name"], known["scopes"], known["quota"]) == ("shop", ["read"], 7)
    listed = command(apart_url, "list").stdout
    assert re.fullmatch(rf"{id_of(key)}  since \S+Z  read  7/min  shop\n", listed)


def test_the_usual_scopes_are_all_but_admin(apart_url: str) -> None:
    commanded(apart_url)
    assert "  feedback,predict,read  no quota  shop" in command(apart_url, "list").stdout


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (("revoke", "nobody"), 1, "gateway: there is no key nobody: "),
        (("make", "shop", "--quota", "0"), 2, "Invalid value for '--quota'"),
        (("make", "shop", "--scope", "all"), 2, "Invalid value for '--scope'"),
    ],
)
def test_a_wrong_command_is_one_sentence(apart_url: str, arguments, status: int, sentence: str) -> None:
    done = command(apart_url, *arguments)
    assert done.returncode == status
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_a_redis_that_is_away_is_one_sentence_without_its_password() -> None:
    done = command("redis://user:pa55word@127.0.0.1:1/0", "make", "shop")
    assert done.returncode == 1
    assert done.stderr.startswith("gateway: Redis does not answer")
    assert "pa55word" not in done.stderr


def test_without_keys_this_machine_is_served_and_the_log_says_so_once(start: Start) -> None:
    with start() as gateway:
        assert gateway.create("a fine day").status_code == 202
        assert gateway.create("a fine day").json()["id"]
    assert gateway.log.read_text().count('"gateway.open"') == 1


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "Token", "TOKEN"])
def test_a_key_opens_what_is_closed_without_one(start: Start, apart_url: str, scheme: str) -> None:
    key = make(apart_url)
    with start() as gateway, bearing(gateway, key, scheme) as client:
        created = create(client)
        assert created.status_code == 202
        assert client.get(created.json()["urls"]["get"]).status_code == 200
    record = Redis.from_url(apart_url, decode_responses=True).hgetall(keys.prediction(created.json()["id"]))
    assert record["owner"] == id_of(key)


def test_without_a_key_every_address_answers_401_but_probes_and_documentation(
    start: Start, apart_url: str
) -> None:
    make(apart_url)
    with start() as gateway:
        for method, path in (
            ("POST", "/v1/predictions"), ("GET", "/v1/predictions"), ("GET", "/v1/predictions/some"),
            ("PUT", "/v1/predictions/some"), ("GET", "/v1/nothing"), ("GET", "/nothing"), ("GET", "/v1"),
            ("GET", "/v1/alerts"), ("GET", "/v1/webhooks/default/secret"), ("DELETE", "/livezz"),
        ):  # fmt: skip
            answer = gateway.http.request(method, path)
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), path
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert set(gateway.http.get("/v2/models/sentiment").json()) == {"error"}, "as that protocol has it"
        for path in ("/livez", "/metrics", "/openapi.json", "/docs", "/docs/assets/swagger-ui.css", "/"):
            assert gateway.http.get(path).status_code in (200, 307), path
        assert gateway.http.get("/readyz").status_code == 503
        unknown = gateway.http.get("/metrics").text
    assert 'barometer_http_request_seconds_count{method="DELETE",route="unknown",status="401"} 1.0' in unknown


@pytest.mark.parametrize(
    "sent",
    [
        None, "", "Bearer", f"Basic {GUESS}", GUESS, f"Bearer {GUESS}", f"Bearer {GUESS}A", "Bearer \xff",
        f"Bearer {GUESS[:-1]}", f"Bearer {GUESS} {GUESS}", "Bearer " + "x" * 5000, "Bearer brm__",
        "Bearer OTHER",
    ],
    ids=lambda sent: repr(sent)[:30],
)  # fmt: skip
def test_no_key_or_a_wrong_one_is_401(keyed: tuple[Gateway, str], sent: str | None) -> None:
    gateway, key = keyed
    if sent == "Bearer OTHER":  # the id is right, the secret is not
        sent = f"Bearer {key[:-43]}{'A' * 43}"
    headers = {} if sent is None else {"Authorization": sent.encode("latin-1")}
    answer = gateway.http.post("/v1/predictions", json={"input": {"text": "x"}}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert GUESS not in answer.text


@pytest.fixture(scope="module")
def keyed(module_url, tmp_path_factory):
    """A gateway that knows one key. Tests that share it must not empty its Redis."""
    key = make(module_url)
    with running(module_url, tmp_path_factory.mktemp("keyed") / "gateway.log") as gateway:
        yield gateway, key


def test_guessing_asks_redis_a_few_times_a_second_however_often(start: Start, apart_url: str) -> None:
    key = make(apart_url)
    redis = Redis.from_url(apart_url, decode_responses=True)

    def asked() -> int:
        return int(redis.info("commandstats")["cmdstat_hgetall"]["calls"])

    with start() as gateway, bearing(gateway, GUESS) as guesser, bearing(gateway, key) as client:
        assert create(client).status_code == 202
        before, begun = asked(), time.monotonic()
        assert {guesser.get("/v1/predictions").status_code for _ in range(300)} == {401}
        seconds = time.monotonic() - begun
        # What the ring reads by itself, and what guesses make it read.
        assert asked() - before <= (seconds + 1) * (1 + 1 / PAUSE_S)


def test_a_key_is_good_the_moment_it_is_made(start: Start, apart_url: str) -> None:
    redis = Redis.from_url(apart_url)
    make(apart_url)
    with start() as gateway:
        # Several, because the ring is also read once a second, and one may come just before that.
        for _ in range(6):
            time.sleep(1.2 * PAUSE_S)
            key, text = keyring.make("shop", [Scope.PREDICT], None)
            redis.hset(KEYS, key.id, key.model_dump_json())
            with bearing(gateway, text) as client:
                assert create(client).status_code == 202


def test_a_revoked_key_and_its_endpoints_are_good_for_two_seconds_at_most(
    start: Start, apart_url: str
) -> None:
    key = make(apart_url)
    with start() as gateway, bearing(gateway, key) as client:
        assert create(client).status_code == 202
        told = {"url": "http://127.0.0.1:9/hook", "events": ["prediction.failed"]}
        endpoint = client.post("/v1/webhook-endpoints", json=told).json()["id"]
        assert command(apart_url, "revoke", id_of(key)).returncode == 0
        time.sleep(2)
        assert create(client).status_code == 401
    with Redis.from_url(apart_url, decode_responses=True) as redis:
        assert redis.hget(ENDPOINT_PREFIX + endpoint, "disabled_reason") == "owner"
        assert redis.keys(SUBSCRIBED_PREFIX + "*") == []
    assert "  revoked " in command(apart_url, "list").stdout


def test_a_streams_address_needs_no_key_and_opens_nothing_else(start: Start, apart_url: str) -> None:
    key = make(apart_url)
    with start() as gateway, bearing(gateway, key) as client:
        one, other = create(client).json(), create(client).json()
        assert one["urls"] == client.get(f"/v1/predictions/{one['id']}").json()["urls"]
        address, token = one["urls"]["stream"].split("?")
        assert opened(address + "?" + token) == 200
        path, other_path = (f"{gateway.url}/v1/predictions/{each['id']}" for each in (one, other))
        for closed in (
            address, f"{address}?{token[:-1]}", f"{address}?{token.replace(id_of(key), 'a' * 10)}",
            f"{other_path}/stream?{token}", f"{path}?{token}", f"{path}/stream/?{token}",
            f"{path}/cancel?{token}",
        ):  # fmt: skip
            assert opened(closed) == 401, closed
        command(apart_url, "revoke", id_of(key))
        wait_for(lambda: opened(address + "?" + token) == 401, seconds=3)


def opened(address: str) -> int:
    """The status at an address for whoever has no key, without waiting for the end of a stream."""
    with httpx2.stream("GET", address, trust_env=False) as answer:
        return answer.status_code


async def test_where_others_reach_the_gateway_it_never_opens(apart_url: str) -> None:
    async with AsyncRedis.from_url(apart_url, decode_responses=True) as redis:
        here, elsewhere = Keyring(may_open=True), Keyring(may_open=False)
        await here.connect(redis)
        await elsewhere.connect(redis)
        assert (here.known([]), elsewhere.known([])) == (ANYBODY, None)
        with pytest.raises(Unauthenticated):
            await elsewhere.ask([])


def test_revoking_the_last_key_opens_nothing(start: Start, apart_url: str) -> None:
    key = make(apart_url)
    with start() as gateway:
        command(apart_url, "revoke", id_of(key))
        time.sleep(2)
        assert gateway.create("a fine day").status_code == 401
    with start() as gateway:
        assert gateway.create("a fine day").status_code == 401


def test_the_first_key_closes_a_gateway_that_was_open_and_losing_it_opens_nothing(
    start: Start, apart_url: str
) -> None:
    with start() as gateway:
        assert gateway.create("a fine day").status_code == 202
        make(apart_url)
        wait_for(lambda: gateway.create("a fine day").status_code == 401)
        Redis.from_url(apart_url).flushall()
        time.sleep(1.5)
        assert gateway.create("a fine day").status_code == 401


def test_while_redis_is_away_known_keys_stay_known_and_others_unknown(redis_server, tmp_path) -> None:
    key = make(redis_server.url)
    with running(redis_server.url, tmp_path / "gateway.log") as gateway, bearing(gateway, key) as client:
        redis_server.kill()
        time.sleep(1.5)
        assert (create(client).status_code, create(client).json()["code"]) == (503, "queue_unavailable")
        assert gateway.create("a fine day").status_code == 401
        redis_server.start()
        wait_for(lambda: create(client).status_code == 202)


def test_a_gateway_that_never_saw_redis_lets_nobody_in(redis_server, tmp_path) -> None:
    redis_server.stop()
    with running(redis_server.url, tmp_path / "gateway.log") as gateway:
        answer = gateway.http.get("/v1/predictions/some")
        assert (answer.status_code, answer.json()["code"]) == (503, "queue_unavailable")
        redis_server.start()
        wait_for(lambda: gateway.create("a fine day").status_code == 202)


def test_an_entry_that_cannot_be_read_is_reported_and_disturbs_no_other(start: Start, apart_url: str) -> None:
    key = make(apart_url)
    Redis.from_url(apart_url).hset(KEYS, "broken", '{"name": "canary"')
    with start() as gateway, bearing(gateway, key) as client:
        assert create(client).status_code == 202
    log = gateway.log.read_text()
    assert '"keys.unreadable"' in log
    assert "canary" not in log


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [("predict", {"create", "cancel"}), ("read", {"read", "list", "alerts"}), ("admin", set())],
)
def test_a_key_is_good_for_its_scopes_only(
    start: Start, apart_url: str, scope: str, allowed: set[str]
) -> None:
    key = make(apart_url, "--scope", scope)
    with start() as gateway, bearing(gateway, key) as client:
        answers = {
            "create": create(client),
            "cancel": client.post("/v1/predictions/unknown/cancel"),
            "read": client.get("/v1/predictions/unknown"),
            "list": client.get("/v1/predictions"),
            "alerts": client.get("/v1/alerts"),
        }
    assert {name for name, answer in answers.items() if answer.status_code != 403} == allowed
    assert {answer.json()["code"] for name, answer in answers.items() if name not in allowed} == {"forbidden"}


def test_another_keys_prediction_does_not_exist(start: Start, apart_url: str) -> None:
    a, b = make(apart_url), make(apart_url)
    with start() as gateway, bearing(gateway, a) as mine, bearing(gateway, b) as other:
        created = create(mine, **{"Idempotency-Key": "one"}).json()
        path = f"/v1/predictions/{created['id']}"
        unknown = other.get("/v1/predictions/unknown").json()["code"]
        feedback = {"label": "positive"}
        for answer in (
            other.get(path), other.get(path, headers={"Prefer": "wait=1"}), other.get(f"{path}/stream"),
            other.post(f"{path}/cancel"), other.post(f"{path}/feedback", json=feedback),
        ):  # fmt: skip
            assert (answer.status_code, answer.json()["code"]) == (404, unknown), answer.url
        assert other.get("/v1/predictions").json()["results"] == []
        assert other.put(path, json={"input": {"text": "a fine day"}}).json()["code"] == "id_taken"
        same = create(other, **{"Idempotency-Key": "one"})
        assert (same.status_code, same.headers.get("Idempotency-Replayed")) == (202, None)
        assert same.json()["id"] != created["id"]
        assert mine.get(path).json()["status"] == "starting"
        assert [found["id"] for found in mine.get("/v1/predictions").json()["results"]] == [created["id"]]


def test_a_quota_is_exact_under_a_hundred_creates_at_once(start: Start, apart_url: str) -> None:
    limited, free = make(apart_url, "--quota", "30"), make(apart_url)
    redis = Redis.from_url(apart_url)
    if (left_s := 60 - int(redis.time()[0]) % 60) < 8:
        time.sleep(left_s)  # all within one minute of Redis' clock
    with start() as gateway, bearing(gateway, limited) as client, bearing(gateway, free) as other:
        first = create(client)
        assert first.status_code == 202
        assert re.fullmatch(r'"predictions";r=29;t=\d+', first.headers["RateLimit"])
        assert first.headers["RateLimit-Policy"] == '"predictions";q=30;w=60'
        with ThreadPoolExecutor(25) as clients:
            answers = list(clients.map(lambda _: create(client), range(100)))
        refused = [answer for answer in answers if answer.status_code == 429]
        assert len(answers) - len(refused) == 29
        assert {answer.status_code for answer in answers} == {202, 429}
        answer = refused[0]
        assert answer.json()["code"] == "quota_spent"
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
        assert re.fullmatch(r'"predictions";r=0;t=\d+', answer.headers["RateLimit"])
        assert answer.headers["RateLimit-Policy"] == '"predictions";q=30;w=60'
        unbound = create(other)
        assert (unbound.status_code, "RateLimit" in unbound.headers) == (202, False)
        assert client.get("/v1/predictions").status_code == 200, "reading is free"
    assert redis.llen(keys.queue("sentiment")) == 31


def test_an_address_that_others_reach_is_refused_without_keys_and_served_with_one(
    start: Start, apart_url: str
) -> None:
    settings = {"GATEWAY_HOST": "0.0.0.0", "GATEWAY_PORT": "0", "REDIS_URL": apart_url}
    done = subprocess.run(
        [sys.executable, "-m", "gateway"], env={**os.environ, **settings}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith(
        "gateway: 0.0.0.0 can be reached from other machines, and there are no keys"
    )
    assert "python -m gateway keys make NAME" in done.stderr
    key = make(apart_url)
    with start(GATEWAY_HOST="0.0.0.0") as gateway, bearing(gateway, key) as client:
        assert create(client).status_code == 202
        assert gateway.create("a fine day").status_code == 401
        Redis.from_url(apart_url).delete(KEYS)
        time.sleep(1.5)
        assert gateway.create("a fine day").status_code == 401
