"""What an operator can set, read once in ``__main__`` from the environment."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from contract.registry import DEFAULT_MODEL
from worker.batching import Limits
from worker.instance import parse


def _cache() -> Path:
    """Return this user's folder for what can be fetched again (XDG Base Directory specification)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "barometer" / "models"


class Settings(BaseSettings):
    """``WORKER_*``; the addresses that services share have no prefix."""

    model_config = SettingsConfigDict(env_prefix="WORKER_", frozen=True)

    redis_url: Annotated[str, Field(validation_alias="REDIS_URL")] = "redis://127.0.0.1:6379/0"
    mlflow_tracking_uri: Annotated[str, Field(validation_alias="MLFLOW_TRACKING_URI")] = (
        "http://127.0.0.1:5000"
    )
    #: The name of the unit's instance, ``sentiment-2`` or ``sentiment-cuda0``: it gives ``model`` and
    #: ``device`` where they are not set.
    instance: str = ""
    #: The registered model this worker holds, and so the queue it works on.
    model: str = DEFAULT_MODEL
    #: The most predictions in one batch.
    batch_size: Annotated[int, Field(ge=1, le=512)] = 64
    #: The most tokens in one batch: those of the longest text times their number where the model pads.
    batch_tokens: Annotated[int, Field(ge=1)] = 16_384
    #: How long a batch should take at most; a model that turns out slower is given smaller ones.
    batch_duration: timedelta = timedelta(seconds=0.5)
    #: How long a batch that is not full waits for company, where the one before had some.
    patience: timedelta = timedelta(0)
    #: Where Prometheus reads this worker's figures, on loopback; 0 for nowhere.
    metrics_port: Annotated[int, Field(ge=0, le=65535)] = 0
    #: How often the alias is looked at.
    alias_poll: timedelta = timedelta(seconds=2)
    #: Where fetched versions are kept; the worker runs code from it, so it is for its user alone.
    cache: Path = Field(default_factory=_cache)
    #: The share of texts that a challenger, where there is one, scores as well; 0: it has no shadow.
    shadow: Annotated[float, Field(ge=0, le=1)] = 0.05
    #: What the model computes on; ``auto`` takes a GPU if there is one.
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = "auto"
    #: Threads of the model; 0 takes every core, which suits one worker a host.
    threads: Annotated[int, Field(ge=0, le=1024)] = 0
    log_level: str = "INFO"
    #: Where telemetry waits while Application Insights is away; else in a temporary folder.
    telemetry_dir: Path | None = None
    #: Where traces go; neither: there are none.
    connection_string: Annotated[
        SecretStr, Field(validation_alias="APPLICATIONINSIGHTS_CONNECTION_STRING")
    ] = SecretStr("")
    otlp_endpoint: Annotated[str, Field(validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT")] = ""

    @model_validator(mode="before")
    @classmethod
    def _named_by_instance(cls, values: dict[str, Any]) -> dict[str, Any]:
        try:
            named = parse(values["instance"])
        except (KeyError, ValueError):
            return values  # there is none, or the field's own validator says what is wrong with it
        return {"model": named.model, "device": named.device} | values

    @field_validator("instance")
    @classmethod
    def _is_instance(cls, value: str) -> str:
        if value:
            parse(value)
        return value

    @field_validator("otlp_endpoint")
    @classmethod
    def _over_http(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("use a URL like http://127.0.0.1:4318: traces are sent by OTLP over HTTP")
        return value

    @property
    def traces_to(self) -> tuple[str, str, Path | None]:
        """Application Insights, an OpenTelemetry collector, and where what the former does not take waits."""
        return self.connection_string.get_secret_value(), self.otlp_endpoint, self.telemetry_dir

    @property
    def limits(self) -> Limits:
        """What bounds a batch."""
        return Limits(self.batch_size, self.batch_tokens, self.batch_duration, self.patience)
