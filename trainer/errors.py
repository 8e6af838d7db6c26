"""What can go wrong in training.

TrainerError
├── BadData               the file or its rows cannot be learnt from: mend the file
├── BadRequest            the request itself makes no sense: mend the arguments
├── NoRoom                the folder of temporary files has no room: free some, or name another
├── RegistryUnavailable   MLflow does not answer: try again later
├── QueueUnavailable      Redis does not answer: try again later
├── ServiceUnavailable    a service to read from does not answer: try again later
├── TrainingDied          a process of ours ended before its training did: try again
├── ModelUnusable         a registered version cannot be loaded or does not fit the question
└── PromotionRefused      the gate has not passed this version, and nobody forced it

Each message is one sentence for the person who asked; none holds a user's text.
"""


class Stopped(BaseException):
    """Somebody canceled the training. No error: nothing that handles errors may swallow it."""


class TrainerError(Exception):
    """Root of everything the trainer raises on purpose. ``exit_code`` is the process's."""

    exit_code = 1


class BadData(TrainerError):
    """The file or its rows cannot be learnt from."""

    exit_code = 2


class BadRequest(TrainerError):
    """The arguments make no sense together or name what does not exist."""

    exit_code = 2


class NoRoom(TrainerError):
    """The folder of temporary files cannot take what has to lie there."""


class RegistryUnavailable(TrainerError):
    """MLflow does not answer."""


class QueueUnavailable(TrainerError):
    """Redis does not answer."""


class ServiceUnavailable(TrainerError):
    """The gateway or a hub does not answer."""


class TrainingDied(TrainerError):
    """The process that trained ended without a word."""


class ModelUnusable(TrainerError):
    """A registered version cannot be loaded, or cannot answer the question."""


class PromotionRefused(TrainerError):
    """The gate has not passed this version, and nobody forced it."""
