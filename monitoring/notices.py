"""Notices of alerts that people are still to be told of: one for each change of an alert and each target.

A notice is written down before the tick's cursor is, so it survives a crash; it leaves when its target has
taken it, or a day later. Knows how notices lie in Redis; does not know how one is sent.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Self, cast

import redis

#: Sorted set ``TARGET TYPE ALERT`` by the second (Redis clock) of the next attempt.
DUE = "barometer:monitoring:notices"
#: Hash by the same: how many attempts were made, and the second at which the first was due.
ATTEMPTS = "barometer:monitoring:notice-attempts"

#: Waits between attempts; the last one repeats.
DELAYS = tuple(timedelta(seconds=s) for s in (5, 15, 60, 300, 900, 3600))
#: What could not be told for so long is news to nobody.
GIVEN_UP_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Notice:
    """One target is to be told that one alert fired or was resolved."""

    target: str
    type: str
    alert_id: str
    attempts: int = 0
    since: float = 0.0

    @property
    def member(self) -> str:
        """As it lies in the sorted set."""
        return f"{self.target} {self.type} {self.alert_id}"

    @classmethod
    def parse(cls, member: str, attempts: str) -> Self:
        """Read it with what is known of its attempts."""
        target, type, alert_id = member.split(" ")
        made, _, since = attempts.partition(" ")
        return cls(target, type, alert_id, int(made), float(since))


def retry_at(notice: Notice, now: float) -> float | None:
    """Return when a notice that failed just now is tried again; None if it is given up."""
    if now - notice.since >= GIVEN_UP_AFTER.total_seconds():
        return None
    return now + DELAYS[min(notice.attempts, len(DELAYS) - 1)].total_seconds()


class NoticeBook:
    """The notices in one Redis database."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def add(self, targets: Iterable[str], type: str, alert_id: str, now: float) -> None:
        """Write down that these targets are to be told; those that are to be already stay as they are."""
        with self._client.pipeline() as pipe:
            for target in targets:
                member = Notice(target, type, alert_id).member
                pipe.hsetnx(ATTEMPTS, member, f"0 {now:.3f}")
                pipe.zadd(DUE, {member: now}, nx=True)
            pipe.execute()

    def due(self, now: float, most: int = 100) -> list[Notice]:
        """Return those whose time has come, the oldest first."""
        members = cast("list[str]", self._client.zrangebyscore(DUE, "-inf", now, start=0, num=most))
        known = cast("list[str | None]", self._client.hmget(ATTEMPTS, members)) if members else []
        return [Notice.parse(m, made or f"0 {now:.3f}") for m, made in zip(members, known, strict=True)]

    def later(self, notice: Notice, at: float) -> None:
        """Try again then."""
        with self._client.pipeline() as pipe:
            pipe.hset(ATTEMPTS, notice.member, f"{notice.attempts + 1} {notice.since:.3f}")
            pipe.zadd(DUE, {notice.member: at})
            pipe.execute()

    def done(self, notice: Notice) -> None:
        """Forget it."""
        with self._client.pipeline() as pipe:
            pipe.zrem(DUE, notice.member)
            pipe.hdel(ATTEMPTS, notice.member)
            pipe.execute()

    def oldest(self) -> float | None:
        """Return when the first of those that are still to be told was due; None if there is none."""
        made = cast("list[str]", self._client.hvals(ATTEMPTS))
        return min((float(one.partition(" ")[2]) for one in made), default=None)
