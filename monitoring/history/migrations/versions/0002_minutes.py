"""Counts by minute, and which batch a prediction was a row of.

What is there is counted, less its latencies: which of the older rows somebody waited for was not kept, and a
batch of an hour would be in the percentiles of all others.
"""

import json
from collections import defaultdict
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

MINUTE_MS = 60_000


def upgrade() -> None:
    """Make the table, and count what is there."""
    op.add_column("predictions", sa.Column("batch", sa.String, nullable=False, server_default=""))
    minutes = op.create_table(
        "minutes",
        sa.Column("at_ms", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("model", sa.String, primary_key=True),
        sa.Column("succeeded", sa.Integer, nullable=False),
        sa.Column("failed", sa.Integer, nullable=False),
        sa.Column("canceled", sa.Integer, nullable=False),
        sa.Column("labels", sa.Text, nullable=False),
        sa.Column("latencies", sa.Text, nullable=False),
    )
    if rows := _counted(op.get_bind()):
        op.bulk_insert(minutes, rows)


def _counted(connection: sa.Connection) -> list[dict[str, Any]]:
    groups = connection.execute(
        sa.text(
            "SELECT at_ms - at_ms % :minute AS minute_ms, model, status, label, count(*) AS number "
            "FROM predictions GROUP BY 1, 2, 3, 4"
        ),
        {"minute": MINUTE_MS},
    )
    status: dict[tuple[int, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    labels: dict[tuple[int, str], dict[str, int]] = defaultdict(dict)
    for group in groups:
        place = (group.minute_ms, group.model)
        status[place][group.status] += group.number
        if group.status == "succeeded":
            labels[place][group.label] = group.number
    return [
        {
            "at_ms": place[0],
            "model": place[1],
            "succeeded": counts["succeeded"],
            "failed": counts["failed"],
            "canceled": counts["canceled"],
            "labels": json.dumps(labels[place]),
            "latencies": "{}",
        }
        for place, counts in status.items()
    ]
