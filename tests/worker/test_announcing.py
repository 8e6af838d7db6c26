"""What a worker tells about its model while Redis is away: later, and in order."""

import pytest
from redis import Redis

from contract import keys
from worker.announcing import WAITING, Announcer, connect
from worker.errors import Refusal


def told(url: str) -> list[tuple[str, str]]:
    with Redis.from_url(url, decode_responses=True) as redis:
        return [(fields["type"], fields["version"]) for _, fields in redis.xrange(keys.EVENTS)]


def test_an_event_has_these_fields_and_no_others(redis_url: str) -> None:
    announcer = Announcer(connect(redis_url), "sentiment", "host.1.ab")
    announcer.refused("2", Refusal.CANARY)
    announcer.send()
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        [(_, fields)] = redis.xrange(keys.EVENTS)
    assert fields == {
        "v": "1", "type": "model.refused", "model": "sentiment", "version": "2", "worker": "host.1.ab",
        "reason": "canary",
    }  # fmt: skip


def test_what_happens_while_redis_is_away_is_told_in_order_when_it_is_back(
    redis_server, caplog: pytest.LogCaptureFixture
) -> None:
    announcer = Announcer(connect(redis_server.url), "sentiment", "host.1.ab")
    announcer.serving("1")
    announcer.send()
    redis_server.kill()
    announcer.refused("2", Refusal.LOAD)
    announcer.send()
    announcer.serving("3")
    announcer.send()
    assert caplog.messages == ["model.events_wait"], "said once"
    redis_server.start()
    announcer.send()
    announcer.send()
    expected = [("model.refused", "2"), ("model.serving", "3")]
    assert told(redis_server.url)[-2:] == expected
    assert told(redis_server.url).count(expected[0]) == 1


def test_a_full_redis_loses_no_event(redis_server) -> None:
    announcer = Announcer(connect(redis_server.url), "sentiment", "host.1.ab")
    with Redis.from_url(redis_server.url) as redis:
        redis.config_set("maxmemory", "1")
        announcer.refused("2", Refusal.LOAD)
        announcer.send()
        redis.config_set("maxmemory", "0")
    announcer.send()
    assert told(redis_server.url) == [("model.refused", "2")]


def test_the_oldest_are_dropped_when_very_many_wait(redis_url: str) -> None:
    announcer = Announcer(connect(redis_url), "sentiment", "host.1.ab")
    for version in range(WAITING + 2):
        announcer.serving(str(version))
    announcer.send()
    versions = [version for _, version in told(redis_url)]
    assert versions == [str(version) for version in range(2, WAITING + 2)]
