"""The first tables.

Spelled out, not taken from ``tables.metadata``: a migration must do next year what it does today.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make all tables."""
    op.create_table(
        "predictions",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("version", sa.String, nullable=False),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("error_code", sa.String, nullable=False),
        sa.Column("label", sa.String, nullable=False),
        sa.Column("score", sa.Float),
        sa.Column("scores", sa.Text),
        sa.Column("latency_s", sa.Float),
        sa.Column("inference_s", sa.Float),
        sa.Column("size", sa.Integer),
        sa.Column("is_truncated", sa.Boolean, nullable=False),
        sa.Column("text", sa.Text),
    )
    op.create_index("predictions_by_time", "predictions", ["at_ms"])
    op.create_index("predictions_by_version", "predictions", ["model", "version", "at_ms"])
    op.create_index("predictions_by_owner", "predictions", ["owner", "at_ms"])
    op.create_table(
        "feedback",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("version", sa.String, nullable=False),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("label", sa.String, nullable=False),
        sa.Column("truth", sa.String, nullable=False),
        sa.Column("source", sa.String, nullable=False),
    )
    op.create_index("feedback_by_version", "feedback", ["model", "version", "at_ms"])
    op.create_index("feedback_by_time", "feedback", ["at_ms"])
    op.create_table(
        "alerts",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("rule", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("severity", sa.String, nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("count", sa.Float, nullable=False),
        sa.Column("threshold", sa.Float, nullable=False),
        sa.Column("window_s", sa.Float, nullable=False),
        sa.Column("fired_ms", sa.BigInteger, nullable=False),
        sa.Column("resolved_ms", sa.BigInteger),
        sa.Column("acknowledged_ms", sa.BigInteger),
        sa.Column("acknowledged_by", sa.String),
    )
    op.create_index("alerts_by_time", "alerts", ["fired_ms"])
    op.create_table(
        "cursors",
        sa.Column("stream", sa.String, primary_key=True),
        sa.Column("entry", sa.String, nullable=False),
    )
    op.create_table(
        "erasures",
        sa.Column("kind", sa.String, primary_key=True),
        sa.Column("subject", sa.String, primary_key=True),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "reports",
        sa.Column("kind", sa.String, primary_key=True),
        sa.Column("model", sa.String, primary_key=True),
        sa.Column("version", sa.String, primary_key=True),
        sa.Column("at_ms", sa.BigInteger, primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "references",
        sa.Column("model", sa.String, primary_key=True),
        sa.Column("version", sa.String, primary_key=True),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
