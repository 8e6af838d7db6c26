"""docs/operations.md and what can wake somebody up, held together."""

import importlib
import json
import re

import pytest
import yaml

from monitoring.settings import RuleSettings, Settings
from tests.systemd.host import REPOSITORY
from tests.systemd.test_units import SERVICES

TEXT = (REPOSITORY / "docs/operations.md").read_text()


def rules() -> set[str]:
    """Every name that an alert of monitoring can have: of rules that can be set, and of those that cannot."""
    settable = {name for name, field in Settings.model_fields.items() if field.annotation is RuleSettings}
    sources = [file.read_text() for file in (REPOSITORY / "monitoring").rglob("*.py")]
    return settable.union(*(re.findall(r'^NAME = "([a-z_]+)"$', source, re.MULTILINE) for source in sources))


def test_every_alert_has_a_heading_and_what_to_do() -> None:
    sections = dict(re.findall(r"^### `([a-z_]+)`\n(.+?)(?=^##|\Z)", TEXT, re.MULTILINE | re.DOTALL))
    assert set(sections) == rules()
    assert len(rules()) >= 12
    for name, section in sections.items():
        assert len(section.split()) > 20, name


def test_every_alert_of_prometheus_and_of_azure_is_named() -> None:
    groups = yaml.safe_load((REPOSITORY / "monitoring/prometheus/rules.yml").read_text())["groups"]
    names = [rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule]
    resources = json.loads((REPOSITORY / "monitoring/azure/template.json").read_text())["resources"]
    names += [
        rule["properties"]["displayName"]
        for rule in resources
        if rule["type"].lower() == "microsoft.insights/scheduledqueryrules"
    ]
    assert [name for name in names if name not in TEXT] == []
    assert len(names) > 10


def test_the_units_that_it_names_are_there() -> None:
    known = {name.partition(".")[0].rstrip("@") for name in SERVICES}
    named = set(re.findall(r"barometer-(?:gateway|worker|monitoring|trainer|mlflow|redis|backup)", TEXT))
    assert named <= known


@pytest.mark.parametrize("service", ["gateway", "worker", "monitoring", "trainer"])
def test_the_commands_that_it_tells_are_there(service: str) -> None:
    import typer

    app = importlib.import_module(f"{service}.__main__").app
    commands = set(typer.main.get_command(app).commands)
    told = set(re.findall(rf"barometer-host run {service} ([a-z]+)", TEXT))
    assert told <= commands, told - commands
