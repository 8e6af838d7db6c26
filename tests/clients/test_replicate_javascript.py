"""Replicate's released JavaScript client, pointed at our address and otherwise as it comes."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from gateway import keyring
from gateway.access import Scope
from tests.conftest import lacking, serve
from tests.gateway.conftest import Gateway, running
from tests.gateway.receiver import receiving
from tests.working import Rule, wait_for, working

SOURCES = Path(__file__).parent / "javascript"
FINE, BAD = "what a fine day", "a bad day"

Say = Callable[..., Any]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client in a folder of its own, as the lock file has it."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        lacking("no node here: 'apt install nodejs npm'")
    folder = tmp_path_factory.mktemp("javascript")
    shutil.copytree(SOURCES, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules"))
    done = subprocess.run(
        [npm, "ci", "--no-audit", "--no-fund"], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        lacking(f"the client cannot be installed: {done.stderr[-500:]}")
    return folder


@pytest.fixture
def say(installed: Path, gateway: Gateway) -> Say:
    """Make one call with the client; return its answer, or what it raised as a RuntimeError."""

    def call(name: str, to: Gateway = gateway, key: str = "", **asked: Any) -> Any:
        command = ["node", "say.js", name, f"{to.url}/v1", json.dumps(asked)]
        environment = {**os.environ, "KEY": key} if key else None
        done = subprocess.run(
            command, cwd=installed, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        if "error" in said:
            raise RuntimeError(said["error"], said.get("status"))
        return said["answer"]

    return call


def test_run_answers_with_the_output(say: Say, served: Gateway) -> None:
    output = say("run", text=FINE)
    assert (output["label"], output["score"]) == ("positive", 0.8)
    assert say("run", text=BAD, ref="barometer/sentiment:1")["label"] == "negative"
    assert say("run", text=BAD, wait={"mode": "poll", "interval": 50})["label"] == "negative"
    with pytest.raises(RuntimeError, match="Prediction failed: the model could not answer this text"):
        say("run", text="poison")


def test_run_waits_on_when_its_patience_was_too_short(say: Say, gateway: Gateway, redis_url: str) -> None:
    with working(redis_url, Rule(seconds=1.6)):
        assert say("run", text=BAD, wait={"mode": "block", "timeout": 1})["label"] == "negative"


def test_create_get_wait_and_cancel(say: Say, gateway: Gateway, redis_url: str) -> None:
    created = say("create", text=FINE)
    assert created["status"] == "starting"
    assert say("get", id=created["id"]) == created
    assert say("cancel", id=created["id"])["status"] == "canceled"
    other = say("create", text=FINE)
    with working(redis_url, Rule()):
        assert say("wait", id=other["id"])["output"]["label"] == "positive"
        assert say("byVersion", text=BAD, version="1")["version"] == "1"


def test_an_error_reaches_the_caller_with_its_status(say: Say, gateway: Gateway) -> None:
    with pytest.raises(RuntimeError, match="No worker serves this version") as raised:
        say("byVersion", text=FINE, version="99")
    assert raised.value.args[1] == 422


def test_paginate(say: Say, gateway: Gateway) -> None:
    created = [gateway.create(FINE).json()["id"] for _ in range(203)][::-1]
    assert say("paginate") == [created[:100], created[100:200], created[200:]]


def test_stream_tells_each_state_and_ends(say: Say, served: Gateway) -> None:
    events = say("stream", text=FINE)
    assert [event["event"] for event in events] == ["starting", "processing", "completed"]
    assert events[-1]["data"]["output"]["label"] == "positive"
    with pytest.raises(RuntimeError, match="the model could not answer this text"):
        say("stream", text="poison")


def test_with_a_key_a_stream_is_followed_too_though_the_client_sends_none(say: Say, tmp_path: Path) -> None:
    key, text = keyring.make("shop", [Scope.PREDICT, Scope.READ], None)
    with ExitStack() as stack:
        # A gateway that has seen a key never opens again, so this one is nobody else's.
        url = stack.enter_context(contextmanager(serve)("embedded")).url
        with Redis.from_url(url) as redis:
            redis.hset(keyring.KEYS, key.id, key.model_dump_json())
        closed = stack.enter_context(running(url, tmp_path / "log"))
        stack.enter_context(working(url, Rule()))
        with pytest.raises(RuntimeError, match="unauthenticated"):
            say("stream", closed, text=FINE)
        events = say("stream", closed, key=text, text=FINE)
    assert [event["event"] for event in events] == ["starting", "processing", "completed"]


def test_a_webhook_is_valid_by_the_clients_own_check(say: Say, served: Gateway) -> None:
    secret = say("secret")["key"]
    with receiving() as receiver:
        say("create", text="fine ☀", webhook=receiver.url, webhook_events_filter=["completed"])
        wait_for(lambda: receiver.received)
    [got] = receiver.received
    assert say("validate", headers=got.headers, body=got.body.decode(), secret=secret) is True
    assert say("validate", headers=got.headers, body=got.body.decode() + " ", secret=secret) is False


def test_models_and_versions(say: Say, registered: Gateway) -> None:
    model = say("model", registered)
    assert (model["owner"], model["name"], model["latest_version"]["id"]) == ("barometer", "sentiment", "1")
    assert say("models", registered)["results"] == [model]
    assert [version["id"] for version in say("versions", registered)["results"]] == ["2", "1"]
    assert say("version", registered, id="1") == model["latest_version"]
