"""What ``python -m monitoring status`` prints: counts now, the last alerts, and each model in one line.

Reads Redis and writes nothing, so it tells the truth whether the service runs or not; the lines of models are
the service's last word, with its time.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import cast

import redis
from rich.console import Group
from rich.table import Table
from rich.text import Text

from contract import keys
from contract.alerts import Alert
from contract.overview import FRESH, Minute, Model, Overview
from monitoring import events
from monitoring.alerts import AlertBook
from monitoring.monitor import negatives, window_start
from monitoring.retraining.queue import Training, Trainings
from monitoring.retraining.showing import trainings
from monitoring.rule import NAME, counts, origin
from monitoring.settings import Settings

ALERTS_SHOWN = 10
#: What a rate is the mean of.
MINUTES = 10


def report(client: redis.Redis, settings: Settings) -> Group:
    """Return the tables; raises redis.RedisError if Redis is away."""
    now = events.now_ms(client)
    start = window_start(now, settings.window)
    recent = counts(negatives(events.between(client, str(start), "+")))
    book = AlertBook(client)
    alerts = book.newest()
    is_alive = client.exists(keys.MONITORING_HEARTBEAT) == 1
    return Group(
        Text(f"monitoring is {'running' if is_alive else 'not running'}"),
        _windows(recent, [alert for alert in alerts if alert.resolved_at is None], settings),
        _alerts(alerts[:ALERTS_SHOWN]),
        trainings(_asked(settings)),
        *(Text(f"silent until {_time(until)}: {place}") for place, until in book.silences().items()),
        *_models(cast("str | None", client.get(keys.OVERVIEW)), now / 1000),
    )


def _asked(settings: Settings) -> list[Training]:
    """Return the trainings under way, and the last that monitoring asked for."""
    queue = Trainings(settings.redis_url.get_secret_value())
    try:
        found = queue.under_way()
        last = queue.of(settings.retrain.model)
    finally:
        queue.close()
    return found if last is None or last.id in {one.id for one in found} else [*found, last]


def _windows(recent: Mapping[str, int], open_alerts: Sequence[Alert], settings: Settings) -> Table:
    table = Table(
        title=f"Negative results within {settings.window.total_seconds():g} s", title_justify="left"
    )
    for column in ("model", "count", "limit", "open alert"):
        table.add_column(column, justify="right" if column in ("count", "limit") else "left")
    opened = {origin(alert).subject: alert.id for alert in open_alerts if alert.rule == NAME}
    for model in sorted(recent.keys() | opened.keys()):
        count = recent.get(model, 0)
        style = "bold red" if count > settings.limit else ""
        table.add_row(model, str(count), str(settings.limit), opened.get(model, "-"), style=style)
    if not table.row_count:
        table.add_row("(none)", "0", str(settings.limit), "-")
    return table


def _alerts(alerts: Sequence[Alert]) -> Table:
    table = Table(title=f"Last {ALERTS_SHOWN} alerts", title_justify="left")
    for column in ("fired", "resolved", "taken on by", "severity", "summary", "id"):
        table.add_column(column, overflow="fold")
    for alert in alerts:
        resolved = "open" if alert.resolved_at is None else _time(alert.resolved_at)
        taken_on = alert.acknowledged_by or "-"
        table.add_row(_time(alert.fired_at), resolved, taken_on, alert.severity, alert.summary, alert.id)
    return table


def _models(told: str | None, now: float) -> list[Table]:
    """Return each model's figures; no table before the service has told any."""
    if told is None:
        return []
    overview: Overview = json.loads(told)
    at = overview["history_at"]
    is_old = at is None or now - at > FRESH.total_seconds()
    title = f"Models in the last {MINUTES} minutes" + (f", as of {_time(at)}" if at and is_old else "")
    table = Table(title=title, title_justify="left")
    for column in ("model", "a minute", "failed", "negative", "p50", "p95", "accuracy", "estimated", "drift"):
        table.add_column(column, justify="left" if column in ("model", "drift") else "right")
    for name, model in overview["models"].items():
        table.add_row(name, *_rates(model, at or now), *_quality(model))
    return [table]


def _rates(model: Model, now: float) -> list[str]:
    """Return what ended a minute, shares of it, and the latency of the newest minute that has one."""
    recent = [minute for minute in model["minutes"] if minute["at"] > now - MINUTES * 60]
    succeeded, failed = (sum(minute[how] for minute in recent) for how in ("succeeded", "failed"))
    negative = sum(minute["negative"] for minute in recent)
    timed: Sequence[Minute | None] = [minute for minute in recent if minute["p50_s"] is not None]
    last = timed[-1] if timed else None
    return [
        f"{(succeeded + failed) / MINUTES:.1f}",
        _share(failed, succeeded + failed),
        _share(negative, succeeded),
        *(f"{last[name]:.3g} s" if last else "-" for name in ("p50_s", "p95_s")),
    ]


def _quality(model: Model) -> list[str]:
    """Return the newest version's accuracy by feedback and by estimate, and what has drifted."""
    accuracy = estimated = "-"
    if model["quality"]:
        newest = model["quality"][0]
        if newest["accuracy"] is not None:
            accuracy = f"{newest['accuracy']:.1%} of {newest['judged']}"
        if newest["estimated_accuracy"] is not None:
            estimated = f"{newest['estimated_accuracy']:.1%}"
    found = model["drift"][0]["comparisons"] if model["drift"] else []
    drifting = ", ".join(one["name"] for one in found if one["is_drifting"])
    return [accuracy, estimated, drifting or ("no" if found else "-")]


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + "Z"
