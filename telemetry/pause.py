"""When not to send: after a failure, for a while.

Pure: the time is the caller's. Who waits for a silent endpoint again and again loses what piles up behind;
who pauses sets it aside at once.
"""

#: Without ``Retry-After``: two tries a batch interval would be a siege, a minute would delay what is back.
PAUSE_S = 10.0
#: However long an endpoint asks for: it may have meant somebody else.
LONGEST_S = 300.0


class Pause:
    """Whether an endpoint is left alone now. Times are seconds of one steady clock."""

    def __init__(self) -> None:
        self._until = 0.0

    def is_on(self, now: float) -> bool:
        """Whether to send nothing at this time."""
        return now < self._until

    def begin(self, now: float, retry_after_s: float | None = None) -> None:
        """Take in a failure, with what the endpoint asked for; a shorter pause shortens none that runs."""
        self._until = max(self._until, now + min(LONGEST_S, retry_after_s or PAUSE_S))

    def end(self) -> None:
        """Take in a success."""
        self._until = 0.0
