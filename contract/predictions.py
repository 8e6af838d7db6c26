"""The record of a prediction: a Redis hash that the gateway creates and the worker completes.

All values are text. Times are seconds since the epoch by Redis' own clock. An event of a prediction has the
same fields, less the input. A field that is absent or empty is unknown; a reader ignores those it does not
know.
"""

from typing import Required, TypedDict


class Record(TypedDict, total=False):
    """The hash at ``keys.prediction(id)``, with the id."""

    id: Required[str]
    model: Required[str]
    status: Required[str]  # see contract.states
    input: Required[str]  # JSON, as the client sent it
    created_at: Required[str]
    started_at: str  # of the newest attempt
    completed_at: str
    version: str  # of the model that answered
    output: str  # JSON, as clients see it, see contract.labels
    error: str
    error_code: str
    cancel_reason: str
    is_truncated: str  # "1": the model read the beginning only
    attempts: str  # claims so far; also the fence of the newest
    deaths: str  # workers that died on it
    reopened: str  # times an operator had it run again after it failed
    inference_s: str  # of the whole batch
    batch_size: str
    deadline: str
    webhook: str  # URL, called when it has ended
    webhook_if: str  # a status: the webhook is called only if it ends so
    webhook_start: str  # URL, called when its first attempt begins
    metadata: str  # JSON
    size: str  # characters of input and metadata
    trace: str  # W3C traceparent of the request
    owner: str  # id of the API key that created it; empty where there are no keys
    batch: str  # id of the batch that it is a row of
    feedback: str  # the true label, as a client says
    feedback_at: str
    feedback_source: str  # who says so


#: What the gateway writes first; a record without them is none.
ESSENTIAL = ("model", "status", "input", "created_at")
