"""Dashboard and alert rules: every expression names a figure, and labels of it, that a service exposes."""

import collections
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import promql_parser
import pytest
import redis
import yaml
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import RedisServer, serve
from tests.gateway.conftest import free_port, running
from tests.monitoring.stream import burst, minutes_ago
from tests.working import Rule, wait_for, working
from worker.metrics import Metrics, ModelFigures

ROOT = Path(__file__).parents[2]
DASHBOARD = json.loads((ROOT / "monitoring/grafana/dashboard.json").read_text())
RULES = yaml.safe_load((ROOT / "monitoring/prometheus/rules.yml").read_text())["groups"][0]["rules"]

#: What Prometheus itself adds.
OF_PROMETHEUS = {"up": {"job", "instance"}}
ADDED = {"job", "instance"}

Figures = dict[str, set[str]]


class Swapped:
    """A champion as ``worker.champion`` tells of it, after a swap and a refusal."""

    def __init__(self) -> None:
        self.swaps = 1
        self.refusals = collections.Counter({"canary": 1})

    def current(self) -> Rule:
        return Rule()


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    yield from serve("embedded")


@pytest.fixture(scope="module")
def figures(server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Figures:
    """The labels of every figure that gateway, worker and monitoring expose after having done something."""
    port = free_port()
    environment = {
        **os.environ, "REDIS_URL": server.url, "MONITORING_METRICS_PORT": str(port),
        "MONITORING_DATABASE_URL": f"sqlite:///{server.folder / 'history.db'}",
    }  # fmt: skip
    command = [sys.executable, "-m", "monitoring"]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    metrics = Metrics()
    metrics.registry.register(ModelFigures(Swapped()))
    url = f"http://127.0.0.1:{port}/metrics"
    try:
        with (
            running(server.url, tmp_path_factory.mktemp("gateway") / "log") as gateway,
            working(server.url, Rule(), metrics=metrics),
            redis.Redis.from_url(server.url, decode_responses=True) as client,
        ):
            gateway.create("poison", prefer="wait")
            burst(client, minutes_ago(client, 0))
            wait_for(lambda: "barometer_alerts_open{" in _read(url))
            exposed = [
                _read(f"{gateway.url}/metrics"),
                generate_latest(metrics.registry).decode(),
                _read(url),
            ]
    finally:
        process.terminate()
        process.wait(20)
    found: Figures = {name: set(labels) for name, labels in OF_PROMETHEUS.items()}
    for text in exposed:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                found.setdefault(sample.name, set()).update(sample.labels, ADDED)
    return found


def _read(url: str) -> str:
    try:
        return httpx2.get(url, trust_env=False).text
    except httpx2.ConnectError:
        return ""


def wrong(expression: str, figures: Figures) -> list[str]:
    """What an expression asks for that nobody exposes."""
    said: list[str] = []
    groups: list[tuple[Any, set[str]]] = []

    def visit(node: Any) -> bool:
        selector = getattr(node, "vector_selector", node)
        if isinstance(selector, promql_parser.VectorSelector):
            labels = figures.get(selector.name)
            asked = {matcher.name for matcher in selector.matchers.matchers}
            if labels is None:
                said.append(f"{selector.name} is exposed by nobody")
            elif asked - labels:
                said.append(f"{selector.name} has no label {sorted(asked - labels)}")
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier:
            groups.append((node.expr, set(node.modifier.labels)))
        return True

    promql_parser.walk(promql_parser.parse(expression), visit)
    for inner, labels in groups:
        names: list[str] = []

        def collect(node: Any, names: list[str] = names) -> bool:
            selector = getattr(node, "vector_selector", node)
            if isinstance(selector, promql_parser.VectorSelector):
                names.append(selector.name)
            return True

        promql_parser.walk(inner, collect)
        said += [
            f"{name} cannot be grouped by {sorted(labels - figures[name])}"
            for name in names
            if labels - figures.get(name, labels)
        ]
    return said


def expressions() -> Iterator[Any]:
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield pytest.param(target["expr"], id=f"{panel['title']} {target['refId']}")
    for rule in RULES:
        yield pytest.param(rule["expr"], id=rule["alert"])


@pytest.mark.parametrize("expression", list(expressions()))
def test_every_expression_asks_for_what_is_exposed(expression: str, figures: Figures):
    assert wrong(expression, figures) == []


@pytest.mark.parametrize(
    "expression",
    [
        "sum(barometer_requests_total)",
        'rate(barometer_http_request_seconds_count{code="500"}[5m])',
        "sum by (worker) (barometer_workers_ready)",
        "1 - sum(max by (lane, queue) (barometer_queue_jobs))",
    ],
)
def test_a_wrong_expression_is_noticed(expression: str, figures: Figures):
    assert wrong(expression, figures)


def test_the_panels_lie_side_by_side_and_none_on_another():
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)


def test_the_rules_fire_when_they_should():
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool here: 'apt install prometheus'")
    story = Path(__file__).parent / "prometheus/rules_test.yml"
    done = subprocess.run(
        [promtool, "test", "rules", str(story)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
