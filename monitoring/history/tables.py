"""The tables of the history, as the newest migration leaves them.

Times are milliseconds since the epoch by Redis' clock, the ids of the stream's entries: whole numbers
compare and group alike in SQLite and PostgreSQL. Labels, models, versions and owners are our names; the one
column that holds what a user wrote is ``predictions.text``, and it is NULL unless the operator asks for it.
"""

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, MetaData, String, Table, Text

metadata = MetaData()

predictions = Table(
    "predictions",
    metadata,
    Column("id", String, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("model", String, nullable=False),
    Column("version", String, nullable=False),
    Column("owner", String, nullable=False),
    Column("status", String, nullable=False),
    Column("error_code", String, nullable=False),
    Column("label", String, nullable=False),
    Column("score", Float),
    Column("scores", Text),  # JSON object, label to probability
    Column("latency_s", Float),  # from accepted to ended
    Column("inference_s", Float),  # of its whole batch
    Column("size", Integer),  # characters of input and metadata
    Column("is_truncated", Boolean, nullable=False),
    Column("text", Text),
    Column("batch", String, nullable=False, server_default=""),  # the id of the one it was a row of
    Index("predictions_by_time", "at_ms"),
    Index("predictions_by_version", "model", "version", "at_ms"),
    Index("predictions_by_owner", "owner", "at_ms"),
)

#: Predictions that ended by minute, see monitoring.history.counting; they stay when the rows above are gone.
minutes = Table(
    "minutes",
    metadata,
    Column("at_ms", BigInteger, primary_key=True, autoincrement=False),  # its first
    Column("model", String, primary_key=True),
    Column("succeeded", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("canceled", Integer, nullable=False),
    Column("labels", Text, nullable=False),  # JSON object, label to count
    Column("latencies", Text, nullable=False),  # JSON object, see contract.latencies
)

feedback = Table(
    "feedback",
    metadata,
    Column("id", String, primary_key=True),  # the prediction's
    Column("at_ms", BigInteger, nullable=False),
    Column("model", String, nullable=False),
    Column("version", String, nullable=False),
    Column("owner", String, nullable=False),
    Column("label", String, nullable=False),  # as predicted
    Column("truth", String, nullable=False),
    Column("source", String, nullable=False),
    Index("feedback_by_version", "model", "version", "at_ms"),
    Index("feedback_by_time", "at_ms"),
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", String, primary_key=True),
    Column("rule", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("severity", String, nullable=False),
    Column("summary", Text, nullable=False),
    Column("count", Float, nullable=False),
    Column("threshold", Float, nullable=False),
    Column("window_s", Float, nullable=False),
    Column("fired_ms", BigInteger, nullable=False),
    Column("resolved_ms", BigInteger),
    Column("acknowledged_ms", BigInteger),
    Column("acknowledged_by", String),
    Index("alerts_by_time", "fired_ms"),
)

#: The last entry of each stream whose consequences are in the tables above.
cursors = Table(
    "cursors", metadata, Column("stream", String, primary_key=True), Column("entry", String, nullable=False)
)

#: What was erased on request. Events that were read late, or are read again, must not bring it back.
erasures = Table(
    "erasures",
    metadata,
    Column("kind", String, primary_key=True),  # see monitoring.history.erasing
    Column("subject", String, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
)

#: What the analysis found, the newest of each kind, model and version beside the older ones.
reports = Table(
    "reports",
    metadata,
    Column("kind", String, primary_key=True),
    Column("model", String, primary_key=True),
    Column("version", String, primary_key=True),
    Column("at_ms", BigInteger, primary_key=True),
    Column("body", Text, nullable=False),  # JSON object
)

#: What a version answered when it was new: see monitoring.analysis.
references = Table(
    "references",
    metadata,
    Column("model", String, primary_key=True),
    Column("version", String, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("body", Text, nullable=False),  # JSON object
)
