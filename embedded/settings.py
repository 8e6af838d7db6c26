"""What an operator can set, read once in ``__main__`` from the environment."""

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

Port = Annotated[int, Field(ge=1, le=65535)]


class Settings(BaseSettings):
    """``EMBEDDED_*``; what the services read too has the services' names."""

    model_config = SettingsConfigDict(
        env_prefix="EMBEDDED_", frozen=True, populate_by_name=True, env_ignore_empty=True
    )

    #: Where the gateway listens.
    host: Annotated[str, Field(validation_alias="GATEWAY_HOST")] = "127.0.0.1"
    port: Annotated[Port, Field(validation_alias="GATEWAY_PORT")] = 8000
    #: Everything that must survive a restart lies here.
    data: Path = Path(".barometer")
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    #: Where our MLflow listens; the next free one from 5000 if not set.
    mlflow_port: Port | None = None
    #: A Redis server or an MLflow server of your own; ours is not started then.
    redis_url: Annotated[str | None, Field(validation_alias="REDIS_URL")] = None
    mlflow_tracking_uri: Annotated[str | None, Field(validation_alias="MLFLOW_TRACKING_URI")] = None
    log_level: str = "INFO"

    @classmethod
    def under_environment(cls, options: Mapping[str, Any]) -> Self:
        """Return the settings of the environment, and ``options`` for what is not set there.

        The services see the same environment: launcher and gateway must not disagree about a port.

        Raises:
            pydantic.ValidationError: a value cannot be used.
        """
        return cls(**{**options, **cls().model_dump(exclude_unset=True)})

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the gateway."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def gateway_url(self) -> str:
        """Where this machine reaches the gateway, whatever address it listens on."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"
