"""Telling people: e-mail, Slack, Teams and what else Apprise speaks. The only file that knows Apprise.

Apprise sends once and says whether it worked; when to try again is ours (``monitoring.notices``). A target is
named by its kind and a digest of its URL, because the URL holds a password.
"""

import hashlib
import logging
from collections.abc import Mapping
from typing import Any

import redis

from monitoring import events
from monitoring.alerts import AlertBook
from monitoring.errors import ConfigurationError
from monitoring.notices import Notice, NoticeBook, retry_at

log = logging.getLogger(__name__)


def targets(urls: str) -> Mapping[str, Any]:
    """Return Apprise's targets by name, from URLs with spaces between them.

    Raises:
        ConfigurationError: Apprise is not installed, or does not know one of them.
    """
    if not urls.split():
        return {}
    try:
        import apprise
    except ModuleNotFoundError as error:
        raise ConfigurationError("MONITORING_NOTIFY needs Apprise: install barometer[notify].") from error
    # It warns of what it cannot read with the whole URL, and says of each attempt where it went.
    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    found = {_name(url): apprise.Apprise.instantiate(url) for url in urls.split()}
    wrong = sorted(name for name, target in found.items() if target is None)
    if wrong:
        raise ConfigurationError(f"MONITORING_NOTIFY holds {len(wrong)} URLs that Apprise cannot read.")
    return found


class Notifier:
    """Sends what is due to each target; one that is down holds up no other."""

    def __init__(self, client: redis.Redis, targets: Mapping[str, Any]) -> None:
        self._client = client
        self._targets = targets
        self._book = NoticeBook(client)
        self._alerts = AlertBook(client)
        self._failing: set[str] = set()

    def __call__(self) -> None:
        """Make one attempt for each notice that is due.

        Raises:
            redis.RedisError: Redis is away.
        """
        now = events.now_ms(self._client) / 1000
        down: set[str] = set()
        for notice in self._book.due(now):
            if notice.target not in self._targets:
                self._book.done(notice)
            elif notice.target in down or not self._send(notice):
                # Where one attempt has just failed, the others of this round would hang as long as it.
                down.add(notice.target)
                self._postpone(notice, now)
            else:
                self._book.done(notice)
                self._say_recovered(notice)

    def _send(self, notice: Notice) -> bool:
        alert = self._alerts.get(notice.alert_id)
        if alert is None:
            return True
        title = f"{notice.type}: {alert.rule} {alert.subject}".rstrip()
        try:
            return bool(
                self._targets[notice.target].notify(title=title, body=f"[{alert.severity}] {alert.summary}")
            )
        except Exception as error:  # noqa: BLE001  # a plugin may raise anything, and its message may hold the URL
            log.debug("notice.raised", extra={"target": notice.target, "error": type(error).__name__})
            return False

    def _postpone(self, notice: Notice, now: float) -> None:
        fields = {"target": notice.target, "alert": notice.alert_id, "attempts": notice.attempts + 1}
        if notice.target not in self._failing:
            log.warning("target.failing", extra=fields)
        self._failing.add(notice.target)
        at = retry_at(notice, now)
        if at is None:
            log.warning("notice.given_up", extra=fields)
            self._book.done(notice)
        else:
            self._book.later(notice, at)

    def _say_recovered(self, notice: Notice) -> None:
        if notice.target in self._failing:
            log.info("target.recovered", extra={"target": notice.target})
        self._failing.discard(notice.target)


def _name(url: str) -> str:
    """Return what logs call a target: ``slack-1a2b3c4d``."""
    return f"{url.partition('://')[0]}-{hashlib.sha256(url.encode()).hexdigest()[:8]}"
