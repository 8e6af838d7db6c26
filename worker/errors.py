"""What can go wrong in a worker.

WorkerError
├── ModelUnavailable     a version cannot be had now: keep what serves, try again
│   ├── AliasUnset       the registry answers, and no version bears the alias
│   └── RegistryAway     MLflow does not answer
├── ModelBroken          this version must not serve: keep the old one, do not try again
└── PredictionFailed     a stock RQ worker must be told that its job failed
"""

from enum import StrEnum


class WorkerError(Exception):
    """The root of what this service raises."""


class ModelUnavailable(WorkerError):
    """The version cannot be had now: its files cannot be fetched, or there is no room for them."""


class AliasUnset(ModelUnavailable):
    """The alias points nowhere."""


class RegistryAway(ModelUnavailable):
    """MLflow does not answer."""


class Refusal(StrEnum):
    """Why a version must not serve, as logs and metrics name it."""

    LOAD = "load"
    MEMORY = "memory"
    ANSWERS = "answers"
    CANARY = "canary"
    #: Of a challenger only, which has a process of its own.
    DIED = "died"
    SLOW = "slow"


class ModelBroken(WorkerError):
    """The version does not load, or does not answer as it must."""

    def __init__(self, reason: Refusal, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class PredictionFailed(WorkerError):
    """The prediction ended as ``failed``; its record says why."""
