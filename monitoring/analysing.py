"""The analysis as the service runs it: a process of its own every few minutes, then the rules on its reports.

A process, because scikit-learn takes a hundred megabytes that go back when it ends, and a second of a core
that the exact window must not wait for.
"""

import logging
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from monitoring.analysis.kinds import DRIFT, ESTIMATE, QUALITY
from monitoring.errors import HistoryUnavailable
from monitoring.history.asking import Archive, Version
from monitoring.rules import learned
from monitoring.rules.rule import Finding, Rule

#: Longer than a round ever took, shorter than its interval may be.
TIMEOUT = timedelta(minutes=5)
#: An older report says nothing of now.
FRESH = timedelta(hours=2)

log = logging.getLogger(__name__)


class Analysis:
    """Runs ``python -m monitoring analyse``; one at a time, and none after ``stop``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_stopped = False

    def __call__(self) -> None:
        """Run one round; a round that fails is said, and the next one tries again."""
        with self._lock:
            if self._is_stopped:
                return
            process = self._process = subprocess.Popen(
                [sys.executable, "-m", "monitoring", "analyse"], stdout=subprocess.DEVNULL
            )
        try:
            code = process.wait(TIMEOUT.total_seconds())
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        if code and not self._is_stopped:
            log.warning("analysis.failed", extra={"exit_code": code})

    def stop(self) -> None:
        """End the round under way."""
        with self._lock:
            self._is_stopped = True
            if self._process:
                self._process.terminate()


@dataclass(frozen=True, slots=True)
class Reports:
    """The rules on what the newest reports say."""

    archive: Archive
    live_quality: Rule
    estimated_quality: Rule
    drift: Rule

    @property
    def names(self) -> set[str]:
        """Return the names of these rules."""
        return {self.live_quality.name, self.estimated_quality.name, self.drift.name}

    def findings(self, now_ms: int) -> Iterator[Finding]:
        """Yield what each rule finds of each model, by the version that serves: the one that answered last.

        The version before is reported on for a while too, and must not keep an alert open. While the database
        is away there is nothing to find, and what is open stays so.
        """
        since_ms = now_ms - FRESH // timedelta(milliseconds=1)
        judged = (
            (QUALITY, learned.live_quality, self.live_quality),
            (ESTIMATE, learned.estimated_quality, self.estimated_quality),
            (DRIFT, learned.drift, self.drift),
        )
        try:
            found = [(judge, rule, dict(self.archive.newest(kind, since_ms))) for kind, judge, rule in judged]
            serving = self._serving({of for _, _, bodies in found for of in bodies})
            for judge, rule, bodies in found:
                for of, body in bodies.items():
                    if of in serving:
                        yield judge(rule, of.model, body)
        except HistoryUnavailable as error:
            log.debug("reports.unread", extra={"reason": str(error)})

    def _serving(self, reported: Iterable[Version]) -> set[Version]:
        """Return of each model the version that answered last."""
        last = {of.model: of for of in sorted(reported, key=self.archive.last_answer_ms)}
        return set(last.values())
