"""What can go wrong in a worker.

WorkerError
├── ModelUnavailable   the registry has no champion, or it cannot be loaded: wait and try again
├── ModelBroken        this version loads but does not answer as it must: keep the old one
└── PredictionFailed   a stock RQ worker must be told that its job failed
"""


class WorkerError(Exception):
    """The root of what this service raises."""


class ModelUnavailable(WorkerError):
    """No champion, or MLflow is away."""


class ModelBroken(WorkerError):
    """The loaded version does not give what the contract asks, or not what it gave when registered."""


class PredictionFailed(WorkerError):
    """The prediction ended as ``failed``; its record says why."""
