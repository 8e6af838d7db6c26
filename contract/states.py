"""The life of a prediction: ``starting -> processing -> succeeded | failed | canceled``.

``processing`` returns to ``starting`` when a lease expires; a terminal state never changes.
"""

from enum import StrEnum


class Status(StrEnum):
    """Names as clients see them (the Replicate dialect, American spelling)."""

    STARTING = "starting"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


TERMINAL = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELED})
