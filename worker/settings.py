"""What an operator can set, read once in ``__main__`` from the environment."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from contract.registry import DEFAULT_MODEL


class Settings(BaseSettings):
    """``WORKER_*``; the addresses that services share have no prefix."""

    model_config = SettingsConfigDict(env_prefix="WORKER_", frozen=True)

    redis_url: Annotated[str, Field(validation_alias="REDIS_URL")] = "redis://127.0.0.1:6379/0"
    mlflow_tracking_uri: Annotated[str, Field(validation_alias="MLFLOW_TRACKING_URI")] = (
        "http://127.0.0.1:5000"
    )
    #: The registered model this worker holds, and so the queue it works on.
    model: str = DEFAULT_MODEL
    #: The most predictions claimed at once.
    batch_size: Annotated[int, Field(ge=1, le=512)] = 64
    #: How often the alias is looked at.
    alias_poll: timedelta = timedelta(seconds=2)
    log_level: str = "INFO"
