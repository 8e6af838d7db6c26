"""The workbook: which query is drawn how. Knows the form in which Azure Monitor keeps a workbook."""

from typing import Any

from monitoring.azure.kql import query

#: Title, query, how it is drawn, percent of the page's width.
CHARTS = (
    ("Requests an hour, by route", "requests", "barchart", 50),
    ("Requests by hour of the day (UTC)", "requests_by_hour", "barchart", 50),
    ("Success and error rate (%)", "rates", "linechart", 50),
    ("Latency of creates (ms)", "latency", "linechart", 50),
    ("In the queue and in the model, 95th percentile (ms)", "queue", "linechart", 50),
    ("Predictions in five minutes", "predictions", "barchart", 50),
    ("Negative results in five minutes", "negatives", "barchart", 50),
    ("More negatives than allowed in any window", "any_window", "table", 50),
    ("Alerts", "alerts", "table", 100),
    ("Exceptions: class and event, never a message", "exceptions", "table", 50),
    ("Queue and webhooks", "dependencies", "table", 50),
    ("Models", "models", "table", 100),
)

#: In milliseconds: an hour, a day, a week, thirty days.
RANGES = (3_600_000, 86_400_000, 604_800_000, 2_592_000_000)


def workbook(workspace: str) -> dict[str, Any]:
    """Return the workbook's content.

    Args:
        workspace: the id of the workspace that is asked, or an expression that gives it.
    """
    charts = [_chart(place, *chart, workspace) for place, chart in enumerate(CHARTS)]
    return {
        "version": "Notebook/1.0",
        "items": [_range(), *charts],
        "fallbackResourceIds": [workspace],
    }


def _range() -> dict[str, Any]:
    parameter = {
        "id": "5f0c1f4e-2f0a-4a76-9a53-3a5b9f4f0c01",
        "version": "KqlParameterItem/1.0",
        "name": "TimeRange",
        "label": "Time range",
        "type": 4,
        "isRequired": True,
        "value": {"durationMs": RANGES[1]},
        "typeSettings": {"selectableValues": [{"durationMs": each} for each in RANGES], "allowCustom": True},
    }
    content = {"version": "KqlParameterItem/1.0", "parameters": [parameter], "style": "pills"}
    return {"type": 9, "content": content, "name": "range"}


def _chart(place: int, title: str, name: str, drawn: str, width: int, workspace: str) -> dict[str, Any]:
    return {
        "type": 3,
        "content": {
            "version": "KqlItem/1.0",
            "query": query(name),
            "size": 0,
            "title": title,
            "timeContextFromParameter": "TimeRange",
            "queryType": 0,
            "resourceType": "microsoft.operationalinsights/workspaces",
            "crossComponentResources": [workspace],
            "visualization": drawn,
        },
        "customWidth": str(width),
        "name": f"{place:02}-{name}",
    }
