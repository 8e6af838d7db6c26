"""The version that serves, followed through alias moves by a thread of its own.

A new version is loaded and tried beside the old one; the swap is one assignment, so the loop sees it between
two batches. Whatever goes wrong, the old one stays; a worker that has none yet takes the last good one from
its disk.
"""

import gc
import logging
import queue
import threading
import time
from collections import Counter
from datetime import timedelta

from telemetry import supervisor
from worker.announcing import Announcer
from worker.errors import AliasUnset, ModelBroken, ModelUnavailable
from worker.model import RegisteredModel
from worker.registry import Version
from worker.versions import Versions

log = logging.getLogger(__name__)

#: The longest pause between two tries to fetch the same version: each costs a second of CPU.
FETCH_PAUSE_S = 60.0


class Champion:
    """What the loop asks for the model, once a batch.

    Args:
        poll: how often the alias is looked at.
        stop: ends the waiting for a first model.
        announcer: tells the others what is refused and what serves.
    """

    def __init__(
        self, versions: Versions, poll: timedelta, stop: threading.Event, announcer: Announcer
    ) -> None:
        self._versions = versions
        self._poll_s = poll.total_seconds()
        self._stop = stop
        self._announcer = announcer
        self._current: RegisteredModel | None = None
        self._serving: Version | None = None
        self._refused: Version | None = None
        # The champion that the others were told to serve here; None again after a refusal.
        self._told: Version | None = None
        self._failed_fetches = 0
        self._fetch_at = 0.0
        self._trouble = ""
        self._said = ""
        # Its `put` may be called from a signal handler, whatever it interrupts.
        self._asked: queue.SimpleQueue[None] = queue.SimpleQueue()
        #: Swaps since the start, and refused versions by reason; for metrics.
        self.swaps = 0
        self.refusals: Counter[str] = Counter()

    def wait(self) -> RegisteredModel | None:
        """Load the champion, however long the registry takes to have one; None when told to stop.

        While MLflow is away, or its champion cannot serve, the last good version from the disk will do.
        """
        while not self._stop.is_set():
            self._look()
            if self._current is not None:
                return self._current
            self._stop.wait(self._poll_s)
        return None

    def follow(self) -> None:
        """Start watching the alias."""
        threading.Thread(target=self._watch, name="champion", daemon=True).start()

    def current(self) -> RegisteredModel:
        """Return the version that serves now."""
        assert self._current is not None, "wait() comes first"
        return self._current

    def reload(self) -> None:
        """Look at the alias now instead of at the next poll, and try even a version that was refused."""
        self._asked.put(None)

    def _watch(self) -> None:
        while not self._stop.is_set():
            try:
                self._asked.get(timeout=self._poll_s)
            except queue.Empty:
                pass
            else:
                self._refused, self._fetch_at = None, 0.0
            try:
                self._look()
            except Exception:
                # A thread that dies quietly would leave this worker on its version for ever.
                log.exception("model.watch_failed")

    def _look(self) -> None:
        """Look at the alias once, and act on what is seen."""
        try:
            version = self._versions.champion()
            if version == self._serving:
                # It moved away and back: next time a refused version gets another try.
                self._refused = None
            elif version != self._refused and time.monotonic() >= self._fetch_at:
                self._load(version)
            self._tell(version)
        except AliasUnset as error:
            self._report(error)
        except ModelUnavailable as error:
            self._report(error)
            self._fall_back()
        else:
            self._recovered()
        self._say()
        # After the swap: Redis may be slow to answer.
        self._announcer.send()

    def _load(self, version: Version) -> None:
        try:
            model = self._versions.load(version)
        except ModelUnavailable:
            self._fetch_at = time.monotonic() + min(self._poll_s * 2**self._failed_fetches, FETCH_PAUSE_S)
            self._failed_fetches += 1
            raise
        except ModelBroken as error:
            self._refused = version
            self.refusals[error.reason] += 1
            self._told = None
            self._announcer.refused(version.number, error.reason)
            log.exception(
                "model.refused",
                extra={
                    "version": version.number,
                    "reason": error.reason,
                    "detail": str(error),
                    "serving": self._name(),
                },
            )
            self._fall_back()
        else:
            self._failed_fetches, self._refused = 0, None
            self._swap(version, model)

    def _tell(self, champion: Version) -> None:
        """Tell that the champion serves: once, and once more when the alias is back from a refused version.

        The last good version, served in a champion's place, is not told: it makes no refusal good.
        """
        if champion == self._serving != self._told:
            self._told = champion
            self._announcer.serving(champion.number)

    def _fall_back(self) -> None:
        """Serve the last good version of this host, if nothing serves yet."""
        if self._current is not None:
            return
        found = self._versions.last_good(but=self._refused)
        if found is not None:
            log.warning("model.last_good", extra={"version": found[0].number})
            self._swap(*found)

    def _swap(self, version: Version, model: RegisteredModel) -> None:
        previous = self._name()
        self._current, self._serving = model, version
        if previous is None:
            log.info("model.loaded", extra={"version": version.number})
            return
        self.swaps += 1
        log.info("model.swapped", extra={"version": version.number, "previous": previous})
        # A model's classes and its module refer to each other, so only the collector frees the old version's.
        gc.collect()

    def _name(self) -> str | None:
        return self._serving.number if self._serving else None

    def _say(self) -> None:
        """Tell the supervisor what serves and what is wrong, for those who ask it how this worker is."""
        said = f"version {self._name()} serves" if self._serving else "nothing serves yet"
        if self._refused:
            said += f"; version {self._refused.number} was refused: journalctl says why"
        if self._trouble:
            said += f"; {self._trouble}"
        if said != self._said:
            self._said = said
            supervisor.notify(f"STATUS={said}")

    def _report(self, error: ModelUnavailable) -> None:
        """Say what is wrong, once."""
        if str(error) != self._trouble:
            self._trouble = str(error)
            log.warning("model.unavailable", extra={"reason": self._trouble, "serving": self._name()})

    def _recovered(self) -> None:
        if self._trouble and self._serving is not None and time.monotonic() >= self._fetch_at:
            self._trouble = ""
            log.info("registry.back", extra={"serving": self._name()})
