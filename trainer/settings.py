"""What the operator can set. Made once, in a process's entry, and handed down."""

from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import ByteSize, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The trainer's settings, from the environment (``TRAINER_*`` but for the two that services share)."""

    model_config = SettingsConfigDict(env_prefix="TRAINER_", frozen=True)

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    mlflow_tracking_uri: str = Field(default="http://127.0.0.1:5000", validation_alias="MLFLOW_TRACKING_URI")
    redis_url: str = Field(default="redis://127.0.0.1:6379/0", validation_alias="REDIS_URL")
    #: Failure rates that the gate allows, by capability, as JSON: ``{"negation": 0.3}``. 1 allows all.
    gate_behaviour: dict[str, float] = Field(default_factory=dict)
    #: What a version may cost: one text's 99th percentile, memory while it answers, size on disk.
    gate_p99: timedelta = timedelta(seconds=1)
    gate_memory: ByteSize = ByteSize(4 * 10**9)
    gate_size: ByteSize = ByteSize(4 * 10**9)
    #: How many texts a version must have been compared on, in the champion's shadow, before a training lets
    #: it serve; 0: it serves when the gate has passed it, and monitoring's probation watches it.
    shadow: int = Field(default=0, ge=0)
    #: How long it may take to compare them; what is not compared by then refuses it.
    shadow_period: timedelta = timedelta(days=1)
    #: The least share of texts with the champion's label, and how much a label's share may differ.
    shadow_agreement: float = Field(default=0.60, ge=0, le=1)
    shadow_shift: float = Field(default=0.25, ge=0, le=1)
    #: For reading feedback: a key with the scope ``read``; none where the service has no keys.
    api_key: SecretStr = SecretStr("")
    hub: str = Field(default="https://huggingface.co", validation_alias="HF_ENDPOINT")
    #: Where unfinished trainings are kept, to be gone on with.
    checkpoints: Path = Path(".barometer/checkpoints")
    #: A training's priority: 0 as everybody's, 19 the least.
    nice: int = Field(default=10, ge=0, le=19)
    #: A training's threads; 0 takes all cores but one.
    threads: int = Field(default=0, ge=0)
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
