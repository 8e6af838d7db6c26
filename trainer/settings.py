"""What the operator can set. Made once, in a process's entry, and handed down."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The trainer's settings, from the environment (``TRAINER_*`` but for the two that services share)."""

    model_config = SettingsConfigDict(env_prefix="TRAINER_", frozen=True)

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    mlflow_tracking_uri: str = Field(default="http://127.0.0.1:5000", validation_alias="MLFLOW_TRACKING_URI")
    redis_url: str = Field(default="redis://127.0.0.1:6379/0", validation_alias="REDIS_URL")
    #: Where trainings are told of; neither: nowhere.
    connection_string: SecretStr = Field(
        default=SecretStr(""), validation_alias="APPLICATIONINSIGHTS_CONNECTION_STRING"
    )
    otlp_endpoint: str = Field(default="", validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT")
    #: Where telemetry waits while Application Insights is away; else in a temporary folder.
    telemetry_dir: Path | None = None

    @property
    def traces_to(self) -> tuple[str, str, Path | None]:
        """Application Insights, an OpenTelemetry collector, and where what the former does not take waits."""
        return self.connection_string.get_secret_value(), self.otlp_endpoint, self.telemetry_dir
