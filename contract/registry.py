"""Names in the MLflow registry on which trainer, worker and gateway agree."""

#: The registered model that serves when a request names none.
DEFAULT_MODEL = "sentiment"

#: The owner that clients of the Replicate dialect put before a model's name: ``barometer/sentiment``.
MODEL_OWNER = "barometer"

#: The version that serves.
CHAMPION = "champion"
#: The version that has passed the gate and waits to serve.
CHALLENGER = "challenger"
#: The version that served before: where a rollback goes.
PREVIOUS = "previous"

#: Tag of a version: a JSON list of all labels that it can answer.
LABELS_TAG = "barometer.labels"
#: Tag of a version: a JSON object of figures by name, measured on texts that it was not trained on.
METRICS_TAG = "barometer.metrics"
#: Tag of a version: SHA-256 of the rows that it was trained on, whatever file they lay in.
DATA_TAG = "barometer.data.rows_sha256"
#: Tag of a version: what the gate said, ``passed`` or ``refused``.
GATE_TAG = "barometer.gate"
#: Tag of a version: the gate's reasons, one a line.
GATE_REASONS_TAG = "barometer.gate.reasons"
#: Tag of a version: a JSON object of what it did in the champion's shadow, see ``contract.shadow``.
SHADOW_TAG = "barometer.shadow"
#: Tag of a version: what the gate said of that, one reason a line; a refusal is in ``GATE_TAG`` too.
SHADOW_REASONS_TAG = "barometer.shadow.reasons"


def model_uri(name: str, alias: str = CHAMPION) -> str:
    """Return MLflow's URI of the version that an alias points to."""
    return f"models:/{name}@{alias}"
