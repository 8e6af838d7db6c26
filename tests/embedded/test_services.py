"""What runs on one machine, in which order, and what it is told."""

from datetime import timedelta
from pathlib import Path

import pytest
from httpx2 import AsyncClient

from embedded import services
from embedded.banner import banner
from embedded.services import Server
from embedded.settings import Settings
from embedded.supervisor import Part

HERE = Server("unix:///data/redis.sock?db=0"), Server("http://127.0.0.1:5000")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in ("REDIS_URL", "MLFLOW_TRACKING_URI", "GATEWAY_HOST", "GATEWAY_PORT", "EMBEDDED_WORKERS"):
        monkeypatch.delenv(name, raising=False)


async def started(settings, tmp_path):
    async with AsyncClient() as client:
        redis = services.redis(settings, tmp_path, tmp_path / "redis.sock", "")
        mlflow = services.mlflow(settings, tmp_path, client)
        return services.parts(settings, redis, mlflow, client)


async def test_the_gateway_stops_first_then_workers_and_monitoring_and_redis_last(tmp_path):
    parts = await started(Settings(workers=2), tmp_path)
    names = [part.spec.name for part in parts]
    assert names[::-1] == [
        "gateway", "worker-2", "worker-1", "monitoring", "trainings", "trainer", "mlflow", "redis",
    ]  # fmt: skip


async def test_only_the_trainer_waits_for_mlflow(tmp_path):
    after = {part.spec.name: tuple(part.after) for part in await started(Settings(), tmp_path)}
    assert after == {
        "redis": (),
        "mlflow": (),
        "trainer": ("redis", "mlflow"),
        "trainings": ("redis",),
        "monitoring": ("redis",),
        "worker": ("redis",),
        "gateway": ("redis",),
    }


async def test_a_gateway_that_refuses_an_address_for_want_of_keys_is_helped_with_the_exact_command(tmp_path):
    [gateway] = [
        part for part in await started(Settings(host="0.0.0.0"), tmp_path) if part.spec.name == "gateway"
    ]
    said = gateway.diagnose([])
    assert f"REDIS_URL='unix://{tmp_path}/redis.sock?db=0' python -m gateway keys make NAME" in said
    [gateway] = [part for part in await started(Settings(), tmp_path) if part.spec.name == "gateway"]
    assert gateway.diagnose([]) is None


async def test_servers_of_someone_else_are_not_started(tmp_path):
    settings = Settings(redis_url="redis://elsewhere", mlflow_tracking_uri="https://mlflow.example")
    parts = await started(settings, tmp_path)
    assert [part.spec.name for part in parts] == ["trainer", "trainings", "monitoring", "worker", "gateway"]
    assert {name for part in parts for name in part.after} == set()


async def test_every_part_that_serves_is_waited_for(tmp_path):
    probed = {p.spec.name for p in await started(Settings(), tmp_path) if isinstance(p, Part) and p.is_up}
    assert probed == {"redis", "mlflow", "monitoring", "gateway"}


def test_services_are_told_where_everything_is():
    told = services.environment(Settings(port=8001), *HERE, {"HOME": "/home/me"})
    assert told == {
        "HOME": "/home/me",
        "REDIS_URL": "unix:///data/redis.sock?db=0",
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:5000",
        "GATEWAY_HOST": "127.0.0.1",
        "GATEWAY_PORT": "8001",
        "GATEWAY_WEBHOOK_ALLOW": "127.0.0.0/8,::1/128",
        "GATEWAY_WEBHOOK_HTTP": "true",
        "PYTHONUNBUFFERED": "1",
    }


def test_what_the_environment_says_wins_unless_it_is_empty():
    told = services.environment(Settings(), *HERE, {"GATEWAY_WEBHOOK_HTTP": "false", "REDIS_URL": ""})
    assert told["GATEWAY_WEBHOOK_HTTP"] == "false"
    assert told["REDIS_URL"] == HERE[0].url


@pytest.mark.parametrize(("host", "is_open"), [("::1", True), ("localhost", True), ("0.0.0.0", False)])
def test_local_webhooks_are_allowed_only_if_nobody_else_can_ask_for_one(host, is_open):
    told = services.environment(Settings(host=host), *HERE, {})
    assert ("GATEWAY_WEBHOOK_ALLOW" in told, "GATEWAY_WEBHOOK_HTTP" in told) == (is_open, is_open)


def test_the_environment_wins_over_the_command_line(monkeypatch):
    monkeypatch.setenv("GATEWAY_PORT", "9000")
    monkeypatch.setenv("EMBEDDED_WORKERS", "3")
    monkeypatch.setenv("REDIS_URL", "")
    settings = Settings.under_environment({"port": 8000, "workers": 1, "data": Path("here")})
    assert (settings.port, settings.workers, settings.data, settings.redis_url) == (
        9000,
        3,
        Path("here"),
        None,
    )


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("barometer.example", "http://barometer.example:8000"),
    ],
)
def test_the_address_shown_is_one_that_can_be_reached_from_here(host, url):
    assert Settings(host=host).gateway_url == url


def test_the_welcome_has_addresses_a_request_to_try_and_no_password():
    text = banner(
        "http://127.0.0.1:8000", "http://me:secret@mlflow", "redis://:secret@redis/0", timedelta(seconds=7.25)
    )
    assert "ready after 7.2 s" in text
    assert "http://127.0.0.1:8000/\n" in text
    assert (
        "curl -s http://127.0.0.1:8000/v1/predictions -H 'Content-Type: application/json' -H 'Prefer: wait' "
        """-d '{"input": {"text": "The crew were lovely and we landed early!"}}'"""
    ) in text
    assert "http://mlflow\n" in text
    assert "redis://redis/0\n" in text
    assert "secret" not in text
    socket = banner("http://g", "http://m", "unix:///data/redis.sock?db=0", timedelta(0))
    assert "unix:///data/redis.sock?db=0\n" in socket
