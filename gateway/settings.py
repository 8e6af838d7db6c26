"""What an operator can set, read once in ``__main__`` from the environment."""

import re
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from contract.registry import DEFAULT_MODEL, MODEL_OWNER
from gateway.errors import UnknownModel

Network = IPv4Network | IPv6Network


def _from_seconds(value: object) -> object:
    """Turn ``10`` as the environment gives it into a number: pydantic reads text as ISO 8601 only."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


#: ``10`` (seconds) or ``PT10S``.
Duration = Annotated[timedelta, BeforeValidator(_from_seconds)]


class Settings(BaseSettings):
    """``GATEWAY_*``; the addresses that services share have no prefix."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_", frozen=True)

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    redis_url: Annotated[str, Field(validation_alias="REDIS_URL")] = "redis://127.0.0.1:6379/0"
    #: Where ``/v1/models`` looks models up; predictions do without it.
    mlflow_tracking_uri: Annotated[str, Field(validation_alias="MLFLOW_TRACKING_URI")] = (
        "http://127.0.0.1:5000"
    )
    #: How to log in there, by the names that MLflow's own client reads.
    mlflow_token: Annotated[SecretStr, Field(validation_alias="MLFLOW_TRACKING_TOKEN")] = SecretStr("")
    mlflow_username: Annotated[str, Field(validation_alias="MLFLOW_TRACKING_USERNAME")] = ""
    mlflow_password: Annotated[SecretStr, Field(validation_alias="MLFLOW_TRACKING_PASSWORD")] = SecretStr("")
    #: The registered model that answers where a request names none.
    model: str = DEFAULT_MODEL
    #: Further registered models, as a comma-separated list; each has queues and workers of its own.
    models: Annotated[tuple[str, ...], NoDecode] = ()
    #: Predictions that may wait; one more is refused with 503.
    queue_limit: Annotated[int, Field(ge=1)] = 100_000
    #: Characters that may wait, of texts and metadata together; more are refused with 503.
    queue_size: Annotated[int, Field(ge=1)] = 2**28
    #: Longest text, in characters.
    text_limit: Annotated[int, Field(ge=1)] = 100_000
    #: Largest body, in bytes; a larger one is refused before it is read whole.
    body_limit: Annotated[int, Field(ge=1)] = 2**20
    #: Rows that one batch may have, and its largest body in bytes; larger ones are refused with 413.
    batch_rows: Annotated[int, Field(ge=1, le=1_000_000)] = 100_000
    batch_size: Annotated[int, Field(ge=1)] = 2**28
    #: How long a batch waits, unread, for room in a full queue before it is refused with 503.
    batch_patience: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(seconds=30)
    #: How long a request's head may take, and how long the rest of a body; then 408, and the connection ends.
    head_patience: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(seconds=10)
    body_patience: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(seconds=10)
    #: Connections at the same time; one more is answered with 503.
    connections: Annotated[int, Field(ge=1)] = 20_000
    #: Other sites whose pages may ask, as comma-separated origins (``https://example.com``), or ``*``.
    cors_origins: Annotated[tuple[str, ...], NoDecode] = ()
    #: Where clients reach us, for the URLs in webhooks; by default what the gateway binds.
    public_url: str | None = None
    #: Addresses that a webhook may reach although they are not public, as comma-separated CIDR blocks.
    webhook_allow: Annotated[tuple[Network, ...], NoDecode] = ()
    #: Whether a webhook may go over plain http.
    webhook_http: bool = False
    log_level: str = "INFO"
    #: Where traces go; neither: there are none.
    connection_string: Annotated[
        SecretStr, Field(validation_alias="APPLICATIONINSIGHTS_CONNECTION_STRING")
    ] = SecretStr("")
    otlp_endpoint: Annotated[str, Field(validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT")] = ""
    #: Where telemetry waits while Application Insights is away; else in a temporary folder.
    telemetry_dir: Path | None = None

    @field_validator("webhook_allow", mode="before")
    @classmethod
    def _blocks(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(ip_network(block.strip()) for block in value.split(",") if block.strip())
        return value

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _origins(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        origins = tuple(origin.strip() for origin in value.split(",") if origin.strip())
        if not all(origin == "*" or re.fullmatch(r"https?://[^/\s]+", origin) for origin in origins):
            raise ValueError("use origins like https://example.com, without a path or a slash at the end")
        return origins

    @field_validator("otlp_endpoint")
    @classmethod
    def _over_http(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("use a URL like http://127.0.0.1:4318: traces are sent by OTLP over HTTP")
        return value

    @field_validator("models", mode="before")
    @classmethod
    def _names(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(name.strip() for name in value.split(",") if name.strip())
        return value

    @property
    def served(self) -> tuple[str, ...]:
        """All models, the default first."""
        return tuple(dict.fromkeys((self.model, *self.models)))

    def served_model(self, name: str | None) -> str:
        """Return the registered name of the model a client means: ``sentiment`` or ``barometer/sentiment``.

        Raises:
            UnknownModel: this gateway does not serve it.
        """
        model = self.model if name is None else name.removeprefix(f"{MODEL_OWNER}/")
        if model not in self.served:
            problem = f"No such model; this gateway serves {', '.join(map(repr, self.served))}"
            raise UnknownModel(problem, [{"detail": problem, "pointer": "#/model"}])
        return model

    @property
    def base_url(self) -> str:
        """The address to print and to put into webhooks, without a trailing slash."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the gateway."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def traces_to(self) -> tuple[str, str, Path | None]:
        """Application Insights, an OpenTelemetry collector, and where what the former does not take waits."""
        return self.connection_string.get_secret_value(), self.otlp_endpoint, self.telemetry_dir
