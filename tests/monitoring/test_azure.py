"""What is deployed to Azure: whole, made of the queries beside it, and asking for what the services tell."""

import json
import random
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

import gateway.logging
import gateway.metrics
import monitoring.metrics
import monitoring.telemetry
import trainer.telling
import worker.logging
import worker.metrics
from contract.alerts import Alert
from monitoring.azure import kql
from monitoring.azure.template import template
from tests.conftest import lacking

SOURCES = Path(__file__).parent / "kql"
#: As https://learn.microsoft.com/azure/azure-monitor/reference/tables/appevents and its neighbours have them.
TABLES: dict[str, str] = json.loads((SOURCES / "tables.json").read_text())

#: What a rule that is asked each minute may not use (Azure Monitor, types of alerts).
NOT_EACH_MINUTE = re.compile(r"\b(union|search|take|limit|ingestion_time)\b")

Said = dict[str, list[str]]


def test_the_template_in_the_repository_is_what_its_sources_make():
    written = json.loads(files("monitoring.azure").joinpath("template.json").read_text())
    assert written == template(), "python -m monitoring.azure > monitoring/azure/template.json"


def strings(value: Any) -> Iterable[str]:
    """Every string in a document."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


def test_every_expression_names_what_exists_and_closes_what_it_opens():
    document = template()
    types = {resource["type"] for resource in document["resources"]}
    expressions = [text for text in strings(document) if text.startswith("[")]
    assert len(expressions) > 40
    for text in expressions:
        assert text.endswith("]")
        assert text.count("(") == text.count(")")
        assert text.count("'") % 2 == 0
        assert set(re.findall(r"parameters\('(\w+)'\)", text)) <= set(document["parameters"])
        assert set(re.findall(r"variables\('(\w+)'\)", text)) <= set(document["variables"])
        assert set(re.findall(r"resourceId\('([\w./]+)'", text)) <= types
    used = set(re.findall(r"(?:parameters|variables)\('(\w+)'\)", " ".join(expressions)))
    assert used == {*document["parameters"], *document["variables"]}


def test_a_resource_comes_after_those_that_it_names():
    for resource in template()["resources"]:
        needed = {text for text in strings(resource["properties"]) if text.startswith("[resourceId(")}
        assert needed == set(resource["dependsOn"])
        assert set(resource) >= {"type", "apiVersion", "name", "location", "properties"}


def rules() -> list[dict[str, Any]]:
    found = [r for r in template()["resources"] if r["type"] == "Microsoft.Insights/scheduledQueryRules"]
    return [rule["properties"] for rule in found]


def test_every_rule_counts_the_rows_of_a_query_that_gives_no_time():
    names = []
    for rule in rules():
        (criterion,) = rule["criteria"]["allOf"]
        (name,) = re.findall(r"variables\('(\w+)'\)", criterion["query"])
        placed = set(re.findall(r"'(__\w+__)'", criterion["query"]))
        assert placed == set(re.findall(r"__\w+__", kql.raw(name)))
        assert (criterion["timeAggregation"], criterion["operator"], criterion["threshold"]) == (
            "Count", "GreaterThan", 0,
        )  # fmt: skip
        if rule["evaluationFrequency"] == "PT1M":
            assert not NOT_EACH_MINUTE.search(kql.query(name).partition("AppEvents")[2])
        names.append(name)
    assert names == ["any_window", "fired", "errors", "silence"]


def told() -> tuple[set[str], set[str]]:
    """Names of the events and figures that services tell, and of the properties that go with them."""
    logs = (gateway.logging.TOLD, worker.logging.TOLD, trainer.telling.TOLD, monitoring.telemetry.TOLD)
    alert = Alert(
        id="", rule="", severity="", summary="", count=1, threshold=1, window_s=1, fired_at=1, resolved_at=2
    )
    events = {f"barometer.{name}" for log in logs for name in log}
    events |= {f"barometer.alert.{change}" for change in ("fired", "resolved")} | {"barometer.negative"}
    events |= {f"barometer.training.{change}" for change in ("started", "finished", "failed")}
    figures = {*gateway.metrics.SENT, *worker.metrics.SENT, *monitoring.metrics.SENT}
    properties = {field for log in logs for fields in log.values() for field in fields}
    properties |= {"model", "family", "event", "gate", "error", "alert_id", "status", *alert.to_hash()}
    return events | figures, properties | {"barometer.queue_s", "barometer.inference_s"}


@pytest.mark.parametrize("name", kql.names())
def test_a_query_asks_for_what_the_services_tell(name: str):
    text = kql.query(name)
    names, properties = told()
    spoken = set(re.findall(r'"(barometer[._][\w.]+\w)"', text)) - properties
    assert spoken <= names
    for start in re.findall(r'startswith "(barometer[\w.]+)"', text):
        assert any(name.startswith(start) for name in names)
    asked = set(re.findall(r"Properties\.(\w+)", text)) | set(re.findall(r'Properties\["([\w.]+)"\]', text))
    assert asked <= properties
    roles = set(re.findall(r'AppRoleName == "([\w-]+)"', text))
    assert roles <= {f"barometer-{service}" for service in ("gateway", "worker", "trainer", "monitoring")}


#: Each must be noticed: else the parser would be no witness.
WRONG = {
    "column": "AppRequests | summarize percentile(Duration, 50)",
    "function": "AppEvents | extend x = previous(TimeGenerated, 3)",
    "table": "customEvents | count",
    "syntax": "AppEvents | where Name = 'x'",
    "keyword": "AppEvents | extend x = Properties.to",
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Said:
    """What Azure's own parser finds wrong with each query."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        lacking("no node here: 'apt install nodejs npm'")
    folder = tmp_path_factory.mktemp("kql")
    shutil.copytree(SOURCES, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules"))
    command = [npm, "ci", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        lacking(f"the parser cannot be installed: {done.stderr[-500:]}")
    queries = WRONG | {name: kql.query(name) for name in kql.names()}
    asked = json.dumps({"tables": TABLES, "queries": queries})
    told = subprocess.run(
        ["node", "check.js"], cwd=folder, input=asked, capture_output=True, text=True, check=True
    )
    return json.loads(told.stdout)


@pytest.mark.parametrize("name", kql.names())
def test_a_query_is_right_for_the_tables(said: Said, name: str):
    assert said[name] == []


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_query_is_noticed(said: Said, name: str):
    assert said[name]


#: `any_window` step by step, for an engine that is here; `lag` is `prev`.
AS_SQL = """
    WITH told AS (SELECT model, event, min(at) AS at FROM events GROUP BY model, event),
         seen AS (SELECT model, at, lag(at, 3) OVER way AS first, lag(model, 3) OVER way = model AS is_same
                  FROM told WINDOW way AS (ORDER BY model, at))
    SELECT model, at FROM seen WHERE is_same AND at - first < 300000
"""


def test_the_window_query_has_the_steps_that_are_tried_here():
    steps = [line for line in kql.query("any_window").splitlines() if not line.startswith("//")]
    assert steps == [
        "AppEvents",
        '| where Name == "barometer.negative"',
        "| extend Model = tostring(Properties.model), Event = tostring(Properties.event)",
        "| summarize At = min(TimeGenerated) by Model, Event",
        "| order by Model asc, At asc",
        "| extend First = prev(At, 3), IsOfModel = prev(Model, 3) == Model",
        "| where IsOfModel and At - First < 5m",
        "| project At, First, Model",
    ]


@pytest.mark.parametrize("seed", range(50))
def test_the_steps_of_the_window_query_find_what_counting_everything_finds(seed: int):
    chance = random.Random(seed)
    at, events = 0, []
    for number in range(300):
        at += chance.choice([0, 1, 20_000, 75_000, 100_000, 150_000])
        events.append((chance.choice(["sentiment", "tone"]), f"{at}-{number}", at))
    stored = [*events, *chance.choices(events, k=40)]
    chance.shuffle(stored)
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE TABLE events (model, event, at)")
        database.executemany("INSERT INTO events VALUES (?, ?, ?)", stored)
        found = set(database.execute(AS_SQL))
    database.close()

    def bursts(model: str, at: int) -> bool:
        return sum(m == model and at - 300_000 < t <= at for m, _, t in events) > 3

    assert found == {(model, at) for model, _, at in events if bursts(model, at)}
    assert found
