"""What the operator can set. Made once, in a process's entry, and handed down."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The trainer's settings, from the environment (``TRAINER_*`` but for the two that services share)."""

    model_config = SettingsConfigDict(env_prefix="TRAINER_", frozen=True)

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    mlflow_tracking_uri: str = Field(default="http://127.0.0.1:5000", validation_alias="MLFLOW_TRACKING_URI")
    redis_url: str = Field(default="redis://127.0.0.1:6379/0", validation_alias="REDIS_URL")
