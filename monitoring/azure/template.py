"""The ARM template: workspace, component, action group, alert rules, workbook.

Knows Azure Resource Manager's form of each. The rules ask the workspace, where the tables have the names that
the queries use. Each query gives a row for each reason to fire, so all rules count rows.
"""

from typing import Any

from monitoring.azure import kql
from monitoring.azure.workbook import workbook

SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"

WORKSPACE = "[resourceId('Microsoft.OperationalInsights/workspaces', parameters('name'))]"
ACTIONS = "[resourceId('Microsoft.Insights/actionGroups', parameters('name'))]"
CONNECTION_STRING = (
    "[reference(resourceId('Microsoft.Insights/components', parameters('name')), '2020-02-02')"
    ".ConnectionString]"
)

#: What the exact rule asks. A burst is found only while all of it is in one question, and telemetry comes
#: minutes late: the range is the window, the minute between two questions, and nine minutes for what is late.
RANGE = "PT15M"


def template() -> dict[str, Any]:
    """Return the template."""
    return {
        "$schema": SCHEMA,
        "contentVersion": "1.0.0.0",
        "parameters": _parameters(),
        "variables": _variables(),
        "resources": [_workspace(), _component(), _actions(), *_rules(), _workbook()],
        "outputs": {"connectionString": {"type": "string", "value": CONNECTION_STRING}},
    }


def _parameters() -> dict[str, Any]:
    limit, minutes, percent = (kql.DEFAULTS[name] for name in ("LIMIT", "MINUTES", "PERCENT"))
    return {
        "name": _parameter("string", "barometer", "Name of all that is created."),
        "location": _parameter("string", "[resourceGroup().location]", "Where."),
        "email": _parameter("string", "", "Who is written to when a rule fires; empty: nobody."),
        "limit": _number(limit, 0, 1000, "More negative results than this within the window fire."),
        "minutes": _number(minutes, 1, 10, "The window."),
        "percent": _number(percent, 0, 100, "A larger share of failed requests in fifteen minutes fires."),
        "days": _number(30, 30, 730, "How long telemetry is kept."),
    }


def _parameter(type: str, default: object, description: str) -> dict[str, Any]:
    return {"type": type, "defaultValue": default, "metadata": {"description": description}}


def _number(default: int, least: int, most: int, description: str) -> dict[str, Any]:
    return {**_parameter("int", default, description), "minValue": least, "maxValue": most}


def _variables() -> dict[str, Any]:
    receiver = {"name": "operator", "emailAddress": "[parameters('email')]", "useCommonAlertSchema": True}
    return {
        "receivers": [receiver],
        # An object here and a text in its resource, so that a person can read it.
        "workbook": workbook(WORKSPACE),
        **{name: kql.raw(name) for name in ("any_window", "fired", "errors", "silence")},
    }


def _resource(
    type: str, version: str, properties: dict[str, Any], after: list[str] | None = None, **more: str
) -> dict[str, Any]:
    return {
        "type": type,
        "apiVersion": version,
        "name": "[parameters('name')]",
        "location": "[parameters('location')]",
        "dependsOn": after or [],
        **more,
        "properties": properties,
    }


def _workspace() -> dict[str, Any]:
    properties = {"sku": {"name": "PerGB2018"}, "retentionInDays": "[parameters('days')]"}
    return _resource("Microsoft.OperationalInsights/workspaces", "2022-10-01", properties)


def _component() -> dict[str, Any]:
    properties = {
        "Application_Type": "web",
        "WorkspaceResourceId": WORKSPACE,
        "IngestionMode": "LogAnalytics",
    }
    return _resource("Microsoft.Insights/components", "2020-02-02", properties, [WORKSPACE], kind="web")


def _actions() -> dict[str, Any]:
    properties = {
        "groupShortName": "barometer",
        "enabled": True,
        "emailReceivers": "[if(empty(parameters('email')), createArray(), variables('receivers'))]",
    }
    return _resource("Microsoft.Insights/actionGroups", "2023-01-01", properties, location="Global")


def _rules() -> list[dict[str, Any]]:
    return [
        _rule("any_window", "More negative results than allowed in some window", 2, "PT1M", "PT5M",
              range=RANGE, by="Model"),
        _rule("fired", "Barometer fired an alert", 2, "PT1M", "PT5M", by="Rule"),
        _rule("errors", "Too many requests fail", 1, "PT5M", "PT15M"),
        _rule("silence", "Monitoring is silent", 1, "PT5M", "PT15M"),
    ]  # fmt: skip


def _rule(
    name: str, title: str, severity: int, every: str, window: str, *, range: str = "", by: str = ""
) -> dict[str, Any]:
    """Return a rule that fires when its query gives a row; ``by``: for each value of a column by itself."""
    criterion: dict[str, Any] = {
        "query": _filled(name),
        "timeAggregation": "Count",
        "operator": "GreaterThan",
        "threshold": 0,
        "failingPeriods": {"numberOfEvaluationPeriods": 1, "minFailingPeriodsToAlert": 1},
    }
    if by:
        criterion["dimensions"] = [{"name": by, "operator": "Include", "values": ["*"]}]
    properties: dict[str, Any] = {
        "displayName": title,
        "severity": severity,
        "enabled": True,
        "scopes": [WORKSPACE],
        "evaluationFrequency": every,
        "windowSize": window,
        "criteria": {"allOf": [criterion]},
        "autoMitigate": True,
        # The tables come into being with the first telemetry, after this.
        "skipQueryValidation": True,
        "actions": {"actionGroups": [ACTIONS]},
    }
    if range:
        properties["overrideQueryTimeRange"] = range
    kind, after = "Microsoft.Insights/scheduledQueryRules", [WORKSPACE, ACTIONS]
    rule = _resource(kind, "2023-12-01", properties, after, kind="LogAlert")
    return {**rule, "name": f"[concat(parameters('name'), '-{name.replace('_', '-')}')]"}


def _filled(name: str) -> str:
    """Return an expression that gives a query with the operator's numbers."""
    text = f"variables('{name}')"
    for place in kql.DEFAULTS:
        if f"__{place}__" in kql.raw(name):
            text = f"replace({text}, '__{place}__', string(parameters('{place.lower()}')))"
    return f"[{text}]"


def _workbook() -> dict[str, Any]:
    properties = {
        "displayName": "[parameters('name')]",
        "category": "workbook",
        "sourceId": WORKSPACE,
        "version": "1.0",
        "serializedData": "[string(variables('workbook'))]",
    }
    found = _resource("Microsoft.Insights/workbooks", "2022-04-01", properties, [WORKSPACE], kind="shared")
    return {**found, "name": "[guid(resourceGroup().id, parameters('name'))]"}
