"""What ``python -m monitoring status`` prints: counts now, and the last alerts.

Reads Redis and writes nothing, so it tells the truth whether the service runs or not.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import redis
from rich.console import Group
from rich.table import Table
from rich.text import Text

from contract import keys
from contract.alerts import Alert
from monitoring import events
from monitoring.alerts import AlertBook
from monitoring.monitor import negatives, window_start
from monitoring.retraining.queue import Training, Trainings
from monitoring.retraining.showing import trainings
from monitoring.rule import NAME, counts, origin
from monitoring.settings import Settings

ALERTS_SHOWN = 10


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


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + "Z"
