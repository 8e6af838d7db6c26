"""What the environment may say."""

from datetime import timedelta

import pytest

from monitoring.errors import ConfigurationError
from monitoring.settings import load


@pytest.fixture
def environment(monkeypatch):
    for name in ("LIMIT", "WINDOW", "TICK", "LOG_LEVEL", "TELEMETRY_DIR"):
        monkeypatch.delenv(f"MONITORING_{name}", raising=False)
    for name in ("REDIS_URL", "APPLICATIONINSIGHTS_CONNECTION_STRING"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_by_default_more_than_three_in_five_minutes_are_too_many(environment):
    settings = load()
    assert (settings.limit, settings.window, settings.tick) == (3, timedelta(minutes=5), timedelta(seconds=1))
    assert settings.redis_url.get_secret_value() == "redis://127.0.0.1:6379/0"
    assert settings.connection_string.get_secret_value() == ""


@pytest.mark.parametrize(("text", "seconds"), [("600", 600), ("90.5", 90.5), ("PT10M", 600)])
def test_a_duration_is_seconds_or_iso_8601(environment, text, seconds):
    environment.setenv("MONITORING_WINDOW", text)
    assert load().window == timedelta(seconds=seconds)


@pytest.mark.parametrize("url", ["unix:///run/redis.sock?db=1", "rediss://:pw@host:6380/2"])
def test_redis_may_be_a_socket_or_behind_tls(environment, url):
    environment.setenv("REDIS_URL", url)
    assert load().redis_url.get_secret_value() == url


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MONITORING_LIMIT", "secret"),
        ("MONITORING_LIMIT", "-1"),
        ("MONITORING_WINDOW", "0"),
        ("MONITORING_TICK", "60"),
        ("MONITORING_LOG_LEVEL", "secret"),
        ("REDIS_URL", "http://secret"),
        ("REDIS_URL", "redis://:secret/word@host/0"),
    ],
)
def test_a_wrong_setting_is_named_and_its_value_is_not_shown(environment, name, value):
    environment.setenv(name, value)
    with pytest.raises(ConfigurationError) as refused:
        load()
    assert str(refused.value).startswith(f"{name} is not usable: ")
    assert "secret" not in str(refused.value)
