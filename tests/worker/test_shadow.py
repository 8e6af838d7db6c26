"""A challenger beside a working loop: counted, told, given up when it breaks, no concern of the champion."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from redis import Redis

from contract import keys
from contract.labels import answer
from contract.latencies import bucket, quantile
from contract.shadow import Shadow
from tests.worker.conftest import submit_to
from tests.worker.registering import CODE, Mlflow, canaries
from tests.working import Rule, wait_for, working
from worker.announcing import connect
from worker.batch import Batch, Job, Outcome
from worker.errors import ModelBroken, Refusal
from worker.registry import Registry
from worker.shadow.ledger import Ledger
from worker.shadow.process import Process
from worker.shadow.sampling import WAITING, Sampler
from worker.shadow.shadowing import Shadowing

#: A challenger that is ended by the kernel, sleeps or raises at a text, but not at its canaries.
AT_WRECK = "import os, time\nif any('wreck' in text for text in model_input): {}"

_names = count()


@pytest.fixture
def name() -> str:
    """A model that nobody has registered."""
    return f"shadowed{next(_names)}"


@pytest.fixture
def told(mlflow: Mlflow, name: str, tmp_path: Path) -> Mapping[str, str]:
    """What a challenger's process needs."""
    return {"tracking_uri": mlflow.url, "model": name, "cache": str(tmp_path / "cache")}


@contextmanager
def shadowed(
    redis_url: str, mlflow: Mlflow, name: str, told: Mapping[str, str], champion: Rule
) -> Iterator[Shadowing]:
    """Work with ``champion`` and compare all texts with whatever the alias points to."""
    sampler = Sampler(1.0)
    shadowing = Shadowing(
        Registry(mlflow.url, name, threading.Event()),
        lambda version: Process(version, told),
        sampler,
        Ledger(connect(redis_url), name, "worker-1"),
        lambda: champion.version,
        timedelta(milliseconds=20),
    )
    with working(redis_url, champion, listener=sampler.offer):
        shadowing.start()
        try:
            yield shadowing
        finally:
            shadowing.stop()
    assert shadowing._child is None


@pytest.fixture
def events(redis_url: str) -> Iterator[Callable[[], list[dict[str, str]]]]:
    """Return what was told of a challenger so far."""
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        yield lambda: [one for _, one in redis.xrange(keys.EVENTS) if one["type"] == "model.shadowed"]


def sums(redis_url: str) -> Shadow:
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        (key,) = redis.keys(keys.SHADOW_PREFIX + "*")
        assert 0 < redis.ttl(key) <= 7 * 24 * 3600
        return Shadow.from_hash(redis.hgetall(key))


def submit(redis_url: str, *texts: str) -> list[str]:
    ids = tuple(f"s{next(_names):06}" for _ in texts)
    return submit_to(redis_url, *texts, ids=ids)


def have_ended(redis_url: str, ids: list[str]) -> bool:
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        return {redis.hget(keys.prediction(id), "status") for id in ids} == {"succeeded"}


def test_both_are_counted_and_told_without_a_text(
    redis_url, mlflow, name, told, events, caplog: pytest.LogCaptureFixture
) -> None:
    mlflow.register(name)
    mlflow.register(name, negative=0.7, on_predict=AT_WRECK.format("raise ValueError(model_input)"))
    mlflow.promote(name, "1")
    mlflow.promote(name, "2", alias="challenger")
    texts = ["a bad canaryword", "a fine canaryword", "a bad canaryword of wreck"]
    with shadowed(redis_url, mlflow, name, told, Rule()) as shadowing:
        wait_for(lambda: shadowing._sampler.is_on)
        ids = submit(redis_url, *texts)
        wait_for(lambda: shadowing._tally.event()["compared"] == "2" and have_ended(redis_url, ids))
    found = sums(redis_url)
    assert (found.seen, found.compared, found.agreed, found.errors) == (3, 2, 2, 1)
    # The champion says 0.9 and 0.8, the challenger 0.7 of both.
    assert found.apart == pytest.approx(0.2 + 0.1)
    assert found.champion_labels == found.challenger_labels == {"negative": 1, "positive": 1}
    assert sum(found.champion_times.values()) == sum(found.challenger_times.values()) == 2
    assert found.spent_s > 0
    assert found.worker_s > 0
    assert not found.broken
    (event,) = events()
    told_of = {key: event[key] for key in ("model", "champion", "version", "compared", "agreed", "errors")}
    assert told_of == {
        "model": name, "champion": "1", "version": "2", "compared": "2", "agreed": "2", "errors": "1",
    }  # fmt: skip
    assert float(event["apart"]) == pytest.approx(0.15)
    assert json.loads(event["labels"])["challenger"] == {"negative": 1, "positive": 1}
    assert 0 < float(event["challenger_p50_s"]) <= float(event["challenger_p95_s"]) < 1
    assert event["reason"] == ""
    assert "canaryword" not in json.dumps([event, *caplog.messages])


@pytest.mark.parametrize(
    ("reason", "challenger"),
    [
        ("memory", {"on_load": "raise MemoryError"}),
        ("canary", {"canary": canaries(0.6)}),
        ("died", {"on_predict": AT_WRECK.format("os.kill(os.getpid(), 9)")}),
    ],
)
def test_a_challenger_that_breaks_is_given_up_once_and_said_while_the_champion_answers_on(
    redis_url, mlflow, name, told, events, reason, challenger
) -> None:
    mlflow.register(name)
    mlflow.register(name, CODE, **challenger)
    mlflow.promote(name, "2", alias="challenger")
    with shadowed(redis_url, mlflow, name, told, Rule()) as shadowing:
        if reason == "died":
            wait_for(lambda: shadowing._sampler.is_on)
        ids = submit(redis_url, "a bad wreck")
        wait_for(lambda: [one["reason"] for one in events()] == [reason])
        ids += submit(redis_url, "another bad wreck")
        wait_for(lambda: have_ended(redis_url, ids))
        shadowing._look_at = 0.0
        wait_for(lambda: shadowing._look_at > 0)
        assert shadowing._child is None, "it is not tried again"
    assert sums(redis_url).broken == {reason: 1}
    assert [one["reason"] for one in events()] == [reason]


def test_a_challenger_that_does_not_answer_is_ended(mlflow, name, told) -> None:
    mlflow.register(name, on_predict=AT_WRECK.format("time.sleep(60)"))
    mlflow.promote(name, "1", alias="challenger")
    version = Registry(mlflow.url, name, threading.Event()).challenger()
    assert version is not None
    process = Process(version, told, answer_limit_s=0.3)
    process.ready()
    assert process.ask(["fine"])[0]["label"] == "positive"
    with pytest.raises(ModelBroken) as raised:
        process.ask(["wreck"])
    assert raised.value.reason is Refusal.SLOW
    process.close()
    assert process._child.returncode == -9


def test_a_challenger_that_is_no_more_or_has_won_is_compared_no_longer(redis_url, mlflow, name, told) -> None:
    mlflow.register(name)
    mlflow.register(name, negative=0.7)
    mlflow.promote(name, "2", alias="challenger")
    champion = Rule()
    with shadowed(redis_url, mlflow, name, told, champion) as shadowing:
        wait_for(lambda: shadowing._sampler.is_on)
        child = shadowing._child._child
        champion.version = "2"
        wait_for(lambda: not shadowing._sampler.is_on)
        assert child.wait(5) == -9
    assert not (tmp_good(told)), "it is not remembered as one that has served"


def tmp_good(told: Mapping[str, str]) -> list[Path]:
    return list(Path(told["cache"]).rglob("good"))


@pytest.mark.parametrize("redis_server", ["embedded"], indirect=True)
def test_with_redis_away_what_was_counted_is_told_later(redis_server, mlflow, name, told, caplog) -> None:
    mlflow.register(name)
    mlflow.register(name, negative=0.7)
    mlflow.promote(name, "2", alias="challenger")
    with shadowed(redis_server.url, mlflow, name, told, Rule()) as shadowing:
        wait_for(lambda: shadowing._sampler.is_on)
        ids = submit(redis_server.url, "bad")
        wait_for(lambda: shadowing._tally.event()["compared"] == "1" and have_ended(redis_server.url, ids))
        redis_server.kill()
        shadowing._told_at = 0.0
        wait_for(lambda: "shadow.untold" in caplog.messages)
        redis_server.start()
    assert sums(redis_server.url).compared == 1


def batch(count: int) -> Batch:
    answered = answer(["negative", "positive"], [0.9, 0.1])
    outcomes = [Outcome(Job("q", str(n), 1, {"text": f"text {n}"}), answered) for n in range(count)]
    return Batch(outcomes, "1", 0.5)


def test_a_sample_is_a_share_of_the_newest_and_nothing_while_there_is_no_challenger() -> None:
    chances = iter([0.1, 0.9] * 50)
    sampler = Sampler(0.5, lambda: next(chances))
    sampler.offer(batch(10))
    assert (sampler.seen, sampler.take(100)) == (0, [])
    sampler.is_on = True
    sampler.offer(batch(10))
    taken = sampler.take(100)
    assert [one.text for one in taken] == ["text 1", "text 3", "text 5", "text 7", "text 9"]
    assert (sampler.seen, taken[0].seconds) == (10, 0.05)
    sampler.offer(batch(40))
    newest = [one.text for one in sampler.take(100)]
    assert newest == [f"text {place}" for place in range(41 - 2 * WAITING, 40, 2)]


@pytest.mark.parametrize("seconds", [3e-6, 0.00123, 0.8, 45.0])
def test_a_quantile_is_off_by_five_percent_at_most(seconds: float) -> None:
    times = {bucket(seconds): 98, bucket(seconds * 100): 2}
    assert quantile(times, 0.5) == pytest.approx(seconds, rel=0.05)
    assert quantile(times, 0.99) == pytest.approx(seconds * 100, rel=0.05)
