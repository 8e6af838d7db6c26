"""What an operator can set, read once from the environment; nothing else here reads it."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

import redis
from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from monitoring.errors import ConfigurationError
from telemetry import supervisor


def _from_seconds(value: object) -> object:
    """Turn ``300`` as the environment gives it into a number: pydantic reads text as ISO 8601 only."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


#: ``300`` (seconds) or ``PT5M``.
Duration = Annotated[timedelta, BeforeValidator(_from_seconds)]


class Settings(BaseSettings):
    """Settings of the monitoring service. Durations are seconds or ISO 8601 (``300`` or ``PT5M``)."""

    model_config = SettingsConfigDict(env_prefix="MONITORING_", frozen=True)

    #: More negative results than this within ``window`` raise an alert.
    limit: Annotated[int, Field(ge=0, le=10_000)] = 3
    window: Annotated[Duration, Field(ge=timedelta(seconds=1), le=timedelta(days=1))] = timedelta(minutes=5)
    #: Bounded, because the heartbeat that a supervisor waits for lives ten seconds.
    tick: Annotated[Duration, Field(ge=timedelta(seconds=0.05), le=timedelta(seconds=5))] = timedelta(
        seconds=1
    )
    #: Where Prometheus reads the figures, on loopback; 0 for nowhere.
    metrics_port: Annotated[int, Field(ge=0, le=65535)] = 0
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    #: Where telemetry waits while Application Insights is away; else in Azure's own temporary folder.
    telemetry_dir: Path | None = None

    redis_url: Annotated[SecretStr, Field(validation_alias="REDIS_URL")] = SecretStr(
        "redis://127.0.0.1:6379/0"
    )
    connection_string: Annotated[
        SecretStr, Field(validation_alias="APPLICATIONINSIGHTS_CONNECTION_STRING")
    ] = SecretStr("")

    @field_validator("redis_url")
    @classmethod
    def _is_redis_url(cls, url: SecretStr) -> SecretStr:
        try:
            redis.Redis.from_url(url.get_secret_value())
        except ValueError:
            # Our own words: the library's may quote a part of the password.
            raise ValueError(
                "use redis://HOST:PORT/DB, rediss://HOST:PORT/DB or unix:///PATH?db=DB"
            ) from None
        return url


def load() -> Settings:
    """Read the environment, and the credentials that the supervisor hands over.

    Raises:
        ConfigurationError: a setting is malformed. Its value is not shown: it may hold a password.
    """
    try:
        return Settings(**supervisor.credentials())
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        name = str(first["loc"][0])
        variable = name if name.isupper() else f"MONITORING_{name.upper()}"
        raise ConfigurationError(f"{variable} is not usable: {first['msg']}.") from error
