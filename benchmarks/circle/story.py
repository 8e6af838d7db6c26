"""Two stories, each on a service of its own, in which nobody does anything but write and judge.

``circle``: people begin to use words that the champion does not know. ``poison``: people lie. The windows are
seconds where a service has hours, so that a day's story takes minutes; all limits of the gate are as ever.
"""

import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from benchmarks.circle.crowd import Answer, Crowd, honest, lying
from benchmarks.circle.traffic import in_new_words, in_plain_words, ordinary
from benchmarks.circle.watching import Moment, Watcher
from benchmarks.service import Service
from trainer.starter import CORPUS

#: The service reads these; see docs/monitoring.md.
SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "MONITORING_ANALYSE_EVERY": "5",
        "MONITORING_ANALYSE_WINDOW": "30",
        "MONITORING_QUALITY_WINDOW": "15",
        "MONITORING_LIVE_QUALITY__THRESHOLD": "0.8",
        "MONITORING_PROBATION": "15",
        # Half of these texts are negative, which is news to nobody here.
        "MONITORING_LIMIT": "10000",
        "MONITORING_RETRAIN__DATA": str(CORPUS),
        "MONITORING_RETRAIN__FEEDBACK": "true",
        "MONITORING_RETRAIN__COOLDOWN": "30",
        # It stands back behind those who serve, and here the crowd is on the same two cores.
        "TRAINER_NICE": "0",
    }
)
ON_DRIFT: Mapping[str, str] = MappingProxyType({**SETTINGS, "MONITORING_RETRAIN__ON_DRIFT": "true"})
ON_LABELS: Mapping[str, str] = MappingProxyType({**SETTINGS, "MONITORING_RETRAIN__LABELS": "400"})

#: Rules that have something to say of a change of words.
RULES = frozenset({"drift", "live_quality", "estimated_quality"})
PATIENCE_S = 240
#: Answers after which a version's first ones are known: the reference needs 200.
ANSWERS = 300
#: Shown of the time in which all is well again.
EPILOGUE_S = 8


@dataclass(frozen=True, slots=True)
class Story:
    """What happened. ``changed_at`` is when the words did; all times are by the system's clock."""

    began_at: float
    changed_at: float
    answers: list[Answer]
    moments: list[Moment]
    results: list[dict[str, Any]]
    log: str

    def accuracy(self, since: float, until: float = float("inf"), version: str = "") -> float:
        """Return the share of right answers in a time, of one version or of all."""
        asked = [
            one.is_right for one in self.answers if since <= one.at < until and version in ("", one.version)
        ]
        return sum(asked) / len(asked)


def first(story: Story, what: str, since: float = 0) -> float:
    """Return when something first happened after a time."""
    return next(one.at for one in story.moments if one.what == what and one.at > since)


def circle(service: Service) -> Story:
    """Change the words, and wait until a version serves that knows them and no alert is open."""
    crowd, watcher = Crowd(service.api, 30, 2, honest, ordinary(1)), Watcher(service.redis)
    with watcher.watching(), crowd.writing():
        began = time.time()
        _wait(crowd, lambda: len(crowd.answers) > ANSWERS and _has_reference(service), "a reference")
        # It is analysed once more as it is, so that the story shows how things were.
        time.sleep(EPILOGUE_S)
        crowd.opinions, changed = in_new_words(2), time.time()
        _wait(crowd, lambda: watcher.of("passed"), "a better version")
        better = watcher.of("passed")[0].whom
        _wait(crowd, lambda: watcher.of("serving", better), "its serving")
        _wait(crowd, lambda: "probation.passed" in _log(service), "the end of its probation")
        _wait(crowd, lambda: not watcher.open_alerts() & RULES, "the end of the alerts")
        time.sleep(EPILOGUE_S)
    return _told(service, began, changed, crowd, watcher)


def poison(service: Service) -> Story:
    """Let people say the contrary of what they mean, and wait until a training on that is judged."""
    crowd, watcher = Crowd(service.api, 60, 1, lying, in_plain_words(7)), Watcher(service.redis)
    with watcher.watching(), crowd.writing():
        began = time.time()
        _wait(crowd, lambda: watcher.results, "a verdict")
        judged = time.time()
        _wait(crowd, lambda: crowd.answers[-1].at > judged + 3, "answers after it")
    return _told(service, began, began, crowd, watcher)


def _wait(crowd: Crowd, is_so: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        crowd.check()
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come within {PATIENCE_S} s")
        time.sleep(0.1)


def _has_reference(service: Service) -> bool:
    with closing(sqlite3.connect(service.data / "history.db")) as history:
        return bool(history.execute('SELECT count(*) FROM "references"').fetchone()[0])


def _log(service: Service) -> str:
    assert service.log is not None
    return service.log.read_text(errors="replace")


def _told(service: Service, began: float, changed: float, crowd: Crowd, watcher: Watcher) -> Story:
    # A service that starts has alerts of its own, such as that nobody works yet.
    ours = [one for one in watcher.moments if one.what not in ("fired", "resolved") or one.whom in RULES]
    moments = sorted(ours, key=lambda one: one.at)
    return Story(began, changed, crowd.answers, moments, watcher.results, _log(service))
