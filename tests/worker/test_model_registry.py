"""Asking MLflow for the champion and its files: over plain HTTP, by MLflow's own code, and in vain."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

import pytest

from worker.errors import AliasUnset, ModelUnavailable, RegistryAway
from worker.registry import Registry, Version

ALIAS = "/api/2.0/mlflow/registered-models/alias?name=sentiment&alias=champion"

_names = count()


class Peer(BaseHTTPRequestHandler):
    """Answers every GET with what it was given, and remembers who asked."""

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Authorization")))
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def peer(body: object, status: int = 200) -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Peer) as server:
        server.asked, server.status = [], status
        server.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield server
        server.shutdown()


def registry(url: str, name: str = "sentiment", stop: threading.Event | None = None) -> Registry:
    return Registry(url, name, stop or threading.Event())


@pytest.fixture
def name(mlflow) -> str:
    """A model with one version, its champion."""
    name = f"fetched{next(_names)}"
    mlflow.register(name)
    mlflow.promote(name, "1")
    return name


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    # Written by MLflow's own client only, and read by nobody here.
    return {str(path.relative_to(folder)): path.read_bytes() for path in found if "_meta" not in path.name}


def test_the_champion_is_a_number_and_where_it_comes_from() -> None:
    version = {"version": "7", "source": "models:/m-1", "run_id": "r", "creation_timestamp": 1}
    keys = []
    for source in ("models:/m-1", "models:/m-1", "models:/m-2"):
        with peer({"model_version": {**version, "source": source}}) as server:
            champion = registry(f"http://127.0.0.1:{server.server_port}").champion()
            assert (champion.number, server.asked) == ("7", [(ALIAS, None)])
            keys.append(champion.key)
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize("way", ["token", "environment", "address"])
def test_it_logs_in_as_mlflows_client_would(way: str, monkeypatch) -> None:
    basic = "Basic " + base64.b64encode(b"user:word").decode()
    given = {"token": {"TOKEN": "t"}, "environment": {"USERNAME": "user", "PASSWORD": "word"}}.get(way, {})
    for variable, value in given.items():
        monkeypatch.setenv(f"MLFLOW_TRACKING_{variable}", value)
    login = "user:word@" if way == "address" else ""
    with peer({"model_version": {"version": "7"}}) as server:
        registry(f"http://{login}127.0.0.1:{server.server_port}/").champion()
        assert server.asked == [(ALIAS, "Bearer t" if way == "token" else basic)]


@pytest.mark.parametrize("code", ["RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"])
def test_no_champion_is_told_from_trouble(code: str) -> None:
    with peer({"error_code": code}, 404) as server, pytest.raises(AliasUnset):
        registry(f"http://127.0.0.1:{server.server_port}").champion()


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"no such page", 404), ({"error_code": "INTERNAL_ERROR"}, 500), (b"<html>", 200), ([], 200)],
)
def test_what_is_no_answer_of_mlflow_means_that_it_is_away(body: object, status: int) -> None:
    with peer(body, status) as server, pytest.raises(RegistryAway):
        registry(f"http://127.0.0.1:{server.server_port}").champion()


def test_a_closed_port_means_that_it_is_away() -> None:
    with peer({}) as server:
        url = f"http://127.0.0.1:{server.server_port}"
    with pytest.raises(RegistryAway, match="start it, or set MLFLOW_TRACKING_URI"):
        registry(url).champion()


def test_files_come_as_mlflows_own_code_brings_them(mlflow, name: str, tmp_path: Path, monkeypatch) -> None:
    plain, own = tmp_path / "plain", tmp_path / "own"
    plain.mkdir()
    own.mkdir()
    version = registry(mlflow.url, name).champion()
    registry(mlflow.url, name).fetch(version, plain)
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", mlflow.inside)
    by_its_own_code = registry(mlflow.inside, name)
    assert by_its_own_code.champion() == version
    by_its_own_code.fetch(version, own)
    assert files(plain) == files(own)
    assert "artifacts/told.json" in files(plain)


def test_a_connection_that_breaks_in_a_file_is_noticed(mlflow, name: str, tmp_path: Path) -> None:
    with mlflow.cut(), pytest.raises(ModelUnavailable):
        registry(mlflow.url, name).fetch(Version("1", ""), tmp_path)


def test_a_version_that_is_not_there_cannot_be_fetched(
    mlflow, name: str, tmp_path: Path, monkeypatch
) -> None:
    with pytest.raises(ModelUnavailable, match="version 9"):
        registry(mlflow.url, name).fetch(Version("9", ""), tmp_path)
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", mlflow.inside)
    with pytest.raises(ModelUnavailable, match=r"version 9 .* cannot be fetched: .*RESOURCE_DOES_NOT_EXIST"):
        registry(mlflow.inside, name).fetch(Version("9", ""), tmp_path)


@pytest.mark.parametrize("way", ["over HTTP", "by MLflow"])
def test_a_stop_gives_up_a_fetch(mlflow, name: str, tmp_path: Path, monkeypatch, way: str) -> None:
    if way == "by MLflow":
        monkeypatch.setenv("MLFLOW_REGISTRY_URI", mlflow.inside)
    stop = threading.Event()
    stop.set()
    with pytest.raises(ModelUnavailable):
        registry(mlflow.url, name, stop).fetch(Version("1", ""), tmp_path)
