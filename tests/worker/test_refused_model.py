"""A broken champion, with every service as a process: the old version serves on, and one alert says why."""

import json
from pathlib import Path
from urllib.request import urlopen

from redis import Redis

from contract import keys
from tests.gateway.conftest import free_port
from tests.scale.services import service
from tests.worker.conftest import submit_to
from tests.worker.registering import Mlflow, canaries
from tests.working import wait_for


def alerts(api: str) -> list[dict]:
    with urlopen(f"{api}/v1/alerts", timeout=10) as answer:
        return json.load(answer)["results"]


def registered(redis_url: str) -> list[str]:
    """Names of the workers, as ``rq info`` shows them."""
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        return [key.removeprefix(keys.WORKER_PREFIX) for key in redis.smembers(keys.workers("sentiment"))]


def answered_by(api: str, id: str) -> str | None:
    with urlopen(f"{api}/v1/predictions/{id}", timeout=10) as answer:
        return json.load(answer)["version"]


def test_a_broken_champion_raises_one_alert_that_ends_when_the_alias_is_back(
    mlflow: Mlflow, redis_url: str, tmp_path: Path
) -> None:
    good = mlflow.register("sentiment")
    broken = mlflow.register("sentiment", canary=canaries(0.8))
    mlflow.promote("sentiment", good)
    port = free_port()
    api = f"http://127.0.0.1:{port}"
    settings = {
        "REDIS_URL": redis_url, "MLFLOW_TRACKING_URI": mlflow.url, "WORKER_ALIAS_POLL": "PT0.1S",
        "MONITORING_TICK": "0.1", "MONITORING_DATABASE_URL": f"sqlite:///{tmp_path / 'history.db'}",
        "GATEWAY_PORT": str(port),
    }  # fmt: skip
    with (
        service(tmp_path / "one.log", "worker", **settings) as one,
        service(tmp_path / "two.log", "worker", **settings) as two,
        service(tmp_path / "monitoring.log", "monitoring", **settings) as monitoring,
        service(tmp_path / "gateway.log", "gateway", **settings) as gateway,
    ):
        workers = (one, two)
        wait_for(lambda: all(worker.said("worker.ready") for worker in workers), 60)
        wait_for(lambda: monitoring.said("monitoring.ready") and gateway.said("gateway.ready"), 60)
        assert alerts(api) == []

        mlflow.promote("sentiment", broken)
        wait_for(lambda: alerts(api))
        wait_for(lambda: all(worker.said("model.refused") for worker in workers))
        [alert] = alerts(api)
        assert (alert["rule"], alert["status"], alert["severity"]) == ("model_refused", "firing", "warning")
        assert f"Version {broken} of sentiment" in alert["summary"]
        assert "(canary)" in alert["summary"]
        assert sum(name in alert["summary"] for name in registered(redis_url)) == 1
        [id] = submit_to(redis_url, "bad")
        wait_for(lambda: answered_by(api, id) == good)
        wait_for(lambda: monitoring.said("alert.fired"))

        mlflow.promote("sentiment", good)
        wait_for(lambda: [alert["status"] for alert in alerts(api)] == ["resolved"])
        wait_for(lambda: monitoring.said("alert.resolved"))
        assert monitoring.events().count("alert.fired") == 1
