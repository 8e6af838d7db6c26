"""What the operator can set. Made once, in a process's entry, and handed down."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The trainer's settings, from the environment (``TRAINER_*`` but for the two that services share)."""

    model_config = SettingsConfigDict(env_prefix="TRAINER_", frozen=True)

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    mlflow_tracking_uri: str = Field(default="http://127.0.0.1:5000", validation_alias="MLFLOW_TRACKING_URI")
    redis_url: str = Field(default="redis://127.0.0.1:6379/0", validation_alias="REDIS_URL")
    #: Where unfinished trainings are kept, to be gone on with.
    checkpoints: Path = Path(".barometer/checkpoints")
    #: A training's priority: 0 as everybody's, 19 the least.
    nice: int = Field(default=10, ge=0, le=19)
    #: A training's threads; 0 takes all cores but one.
    threads: int = Field(default=0, ge=0)
