"""A job on the queue: it carries the id of a prediction and nothing of its text.

The text lies in the prediction's record, so RQ's log lines, ``rq info`` and rq-dashboard can never
show it.
"""

from datetime import timedelta

#: What a stock RQ worker calls with the prediction's id. Named, not imported: the gateway never loads
#: the worker. A test resolves it.
PREDICT = "worker.jobs.predict"
#: Shown by RQ's tools in place of the arguments.
DESCRIPTION = "prediction"
#: The queue the trainer service works on.
TRAINING_QUEUE = "training"

#: Three dead workers in a row are no accident: the text kills them.
MAX_ATTEMPTS = 3
#: How long a terminal prediction can be read, and its idempotent create repeated.
RETENTION = timedelta(hours=24)
#: How long RQ's own record of a finished job stays for its tools (RQ's default result_ttl).
FINISHED_JOB_TTL = timedelta(seconds=500)
#: How long a stock RQ worker may take over one job (RQ's default timeout).
JOB_TIMEOUT = timedelta(seconds=180)


def data(prediction_id: str) -> str:
    """Return RQ's call in its JSON serialisation: ``[function, instance, args, kwargs]``."""
    return f'["{PREDICT}", null, ["{prediction_id}"], {{}}]'


def queue_name(model: str) -> str:
    """Return the RQ queue that feeds the workers of one registered model."""
    return model
