"""How far a training on the queue is, where RQ's tools and monitoring find it: in the ``meta`` of RQ's job.

Nothing outside a queue. Redis being away stops no training.
"""

import logging
import time
from typing import TYPE_CHECKING

from redis.exceptions import RedisError
from rq import get_current_job

from trainer.canceling import Canceling

if TYPE_CHECKING:
    from rq.job import Job

#: Seconds between two words on the same stage.
EVERY_S = 1.0

_log = logging.getLogger(__name__)


class Told:
    """Writes the stage, and the share of it that is done where that is known, as ``contract.jobs.Stage``.

    Between two stages is where a training can be canceled.
    """

    def __init__(self, canceling: Canceling) -> None:
        self._canceling = canceling
        self._job: Job | None = get_current_job()
        self._last_s = 0.0

    def step(self, stage: str) -> None:
        """Begin a stage.

        Raises:
            Stopped: somebody has canceled the training.
        """
        self._canceling.check()
        _log.info("training.step", extra={"step": stage})
        self._write({"stage": stage, "share": None})

    def learning(self, stage: str, share: float) -> None:
        """Go on with it.

        Raises:
            Stopped: as for ``step``.
        """
        self._canceling.check()
        if time.monotonic() - self._last_s >= EVERY_S:
            self._write({"stage": stage, "share": round(share, 3)})

    def _write(self, told: dict[str, str | float | None]) -> None:
        if self._job is None:
            return
        self._last_s = time.monotonic()
        self._job.meta.update(told)
        try:
            self._job.save_meta()
        except RedisError as error:
            _log.debug("training.untold", extra={"reason": type(error).__name__})
