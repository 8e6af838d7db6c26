"""A version that has passed the gate, and its time in the shadow, in a real MLflow and a real Redis."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer
from typer.testing import CliRunner

from contract.jobs import TRAINING_QUEUE
from contract.registry import CHALLENGER, CHAMPION, GATE_TAG, PREVIOUS, SHADOW_REASONS_TAG, SHADOW_TAG
from tests.working import wait_for
from worker.registry import Version
from worker.shadow.ledger import Ledger, Pair
from worker.shadow.sampling import Sample
from worker.shadow.tally import Tally

from .conftest import opinions, write_csv
from .test_lifecycle import train


@pytest.fixture
def registry(model, tmp_path):
    """Three versions; the first serves, the gate has passed the second, and has not seen the third."""
    from trainer.registry import Registry

    registry = Registry(model)
    registry._client.create_registered_model(model)
    for _ in range(3):
        registry._client.create_model_version(model, tmp_path.as_uri())
    registry.promote("1", by="test", why="test")
    registry._client.set_model_version_tag(model, "2", GATE_TAG, "passed")
    return registry


@pytest.fixture
def settings(redis_url, tracking_uri):
    from trainer.settings import Settings

    return Settings(REDIS_URL=redis_url, MLFLOW_TRACKING_URI=tracking_uri, shadow=20)


def compare(redis_url: str, registry, *, agreeing: int, differing: int = 0, version: str = "2") -> None:
    """Let a worker add up what both said."""
    tally = Tally()
    for place in range(agreeing + differing):
        label = "negative" if place < agreeing else "positive"
        sample = Sample("1", "", "negative", {"negative": 0.9, "positive": 0.1}, 0.001)
        tally.compared(sample, {"label": label, "scores": {"negative": 0.8}, "seconds": 0.002})
    challenger = Version(version, "", registry.version(version).registered_ms)
    with Redis.from_url(redis_url) as redis:
        Ledger(redis, registry.model, "worker-1").add(Pair("1", challenger), tally)


def ask(registry, settings, *arguments: str):
    """Run the command line."""
    from trainer.__main__ import app

    environment = {"REDIS_URL": settings.redis_url, "MLFLOW_TRACKING_URI": settings.mlflow_tracking_uri}
    command = [*arguments, "--model", registry.model]
    return CliRunner().invoke(app, command, env={**environment, "TRAINER_SHADOW": "20"})


def test_promotion_by_hand_asks_for_the_shadow_and_says_how_to_get_one(registry, settings) -> None:
    refused = ask(registry, settings, "promote", "2")
    assert refused.exit_code == 1
    assert refused.stderr.startswith("no worker has compared it with the champion yet. 'python -m trainer")
    assert ask(registry, settings, "challenge", "3").exit_code == 1, "the gate has not passed it"
    assert ask(registry, settings, "challenge", "2").exit_code == 0
    assert registry.aliases() == {CHAMPION: "1", CHALLENGER: "2"}

    compare(settings.redis_url, registry, agreeing=10)
    waits = ask(registry, settings, "promote", "2")
    assert waits.stderr.startswith("10 of 20 texts are compared. Workers add to it as texts come")
    assert registry.aliases()[CHALLENGER] == "2"

    compare(settings.redis_url, registry, agreeing=8, differing=2)
    assert ask(registry, settings, "promote", "2").exit_code == 0
    assert registry.aliases() == {CHAMPION: "2", PREVIOUS: "1"}
    assert registry.trail()[-1]["why"].startswith("in the shadow: the champion's label for 18 of 20 texts")
    tags = registry.version("2").tags
    assert json.loads(tags[SHADOW_TAG])["compared"] == 20
    assert tags[SHADOW_REASONS_TAG] == registry.trail()[-1]["why"]


def test_the_trail_keeps_why_there_was_no_shadow(registry, settings) -> None:
    assert ask(registry, settings, "promote", "2", "--without-shadow", "no traffic at night").exit_code == 0
    assert registry.aliases()[CHAMPION] == "2"
    assert {move["why"] for move in registry.trail()[1:]} == {"without a shadow: no traffic at night"}
    assert ask(registry, settings, "promote", "3", "--without-shadow", "x").exit_code == 1, "not passed"


def test_what_the_shadow_refuses_the_gate_has_refused(registry, settings) -> None:
    registry.challenge("2", by="test", why="test")
    compare(settings.redis_url, registry, agreeing=5, differing=15)
    refused = ask(registry, settings, "promote", "2")
    assert "it gives the champion's label to 25.0% of 20 texts" in refused.stderr
    found = registry.version("2")
    assert found.gate == "refused"
    assert found.gate_reasons == tuple(found.tags[SHADOW_REASONS_TAG].splitlines())
    assert registry.aliases() == {CHAMPION: "1"}


def trial(registry, **changes):
    from trainer.work import Trial

    until = datetime.now(UTC) + timedelta(hours=1)
    return Trial(**{"model": registry.model, "version": "2", "champion": "1", "until": until, **changes})


def scheduled(redis_url: str) -> int:
    with Redis.from_url(redis_url) as redis:
        queue = Queue(TRAINING_QUEUE, connection=redis, serializer=JSONSerializer)
        looks = [queue.fetch_job(id) for id in queue.scheduled_job_registry.get_job_ids()]
        assert {look.retries_left for look in looks} <= {20}, "MLflow may be away for a while"
        return len(looks)


def test_unattended_a_version_is_looked_at_until_it_is_judged(registry, settings) -> None:
    from trainer.promoting import conclude
    from trainer.shadow_gate import Stage

    registry.challenge("2", by="gate", why="test")
    assert conclude(registry, trial(registry), settings).stage is Stage.WAITING
    assert scheduled(settings.redis_url) == 1
    compare(settings.redis_url, registry, agreeing=20)
    assert conclude(registry, trial(registry), settings).stage is Stage.PASSED
    assert registry.aliases() == {CHAMPION: "2", PREVIOUS: "1"}
    assert registry.trail()[-1]["by"] == "gate"
    assert conclude(registry, trial(registry), settings) is None, "it is the challenger no more"
    assert scheduled(settings.redis_url) == 1


@pytest.mark.parametrize("why", ["time", "champion"])
def test_unattended_a_version_without_enough_or_with_another_champion_is_refused(
    registry, settings, why
) -> None:
    from trainer.promoting import conclude

    registry.challenge("2", by="gate", why="test")
    compare(settings.redis_url, registry, agreeing=19 if why == "time" else 20)
    changes = {"until": datetime.now(UTC)} if why == "time" else {}
    if why == "champion":
        registry.promote("3", by="test", why="test")
    judgement = conclude(registry, trial(registry, **changes), settings)
    said = {
        "time": "19 of 20 texts are compared, and the time for it is over",
        "champion": "the champion changed while this version was in its shadow",
    }
    assert judgement.reasons == (said[why],)
    assert registry.version("2").gate == "refused"
    assert CHALLENGER not in registry.aliases()


@pytest.mark.slow
def test_a_retraining_ends_by_itself_in_a_promotion_after_the_shadow(
    model, redis_url, tracking_uri, tmp_path
) -> None:
    from trainer.registry import Registry

    registry = Registry(model)

    def write(name: str, count: int, **options) -> Path:
        # Labels for which there are no behaviour cases: a model of twenty words tosses a coin there.
        named = {"positive": "good", "negative": "poor"}
        rows = [(text, named[label]) for text, label in opinions(count, **options)]
        return write_csv(tmp_path / name, rows)

    measured = write("measured.csv", 200, seed=99)
    assert train(model, write("noisy.csv", 200, seed=1, noise=0.3), evaluation=measured).promoted
    good = {"data": str(write("good.csv", 1500)), "evaluation": str(measured), "model": model}
    with Redis.from_url(redis_url) as redis:
        queue = Queue(TRAINING_QUEUE, connection=redis, serializer=JSONSerializer)
        queue.enqueue("trainer.jobs.train", good, description="training")
    environment = {
        **os.environ, "REDIS_URL": redis_url, "MLFLOW_TRACKING_URI": tracking_uri, "TRAINER_SHADOW": "20",
        "TRAINER_SHADOW_PERIOD": "PT60S",
    }  # fmt: skip
    trainer = subprocess.Popen([sys.executable, "-m", "trainer", "work"], env=environment)
    try:
        wait_for(lambda: registry.aliases() == {CHAMPION: "1", CHALLENGER: "2"}, 120)
        compare(redis_url, registry, agreeing=20)
        wait_for(lambda: registry.aliases() == {CHAMPION: "2", PREVIOUS: "1"}, 60)
    finally:
        trainer.terminate()
        trainer.wait(30)
    assert registry.trail()[-1]["why"].startswith("in the shadow: ")
