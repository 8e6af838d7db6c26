"""The bodies of the HTTP contract. What clients send is strict: an unknown field is a typo, and an error."""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from contract.alerts import Alert
from contract.states import Status
from gateway.times import rfc3339


class PredictionInput(BaseModel):
    """What the model reads."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: Annotated[str, Field(min_length=1, examples=["The crew were lovely and we landed early!"])]
    explain: Annotated[bool, Field(description="Say which words made the answer")] = False
    top_k: Annotated[int | None, Field(ge=1, le=1000, description="List so many labels, not all")] = None
    truncate: Annotated[
        bool,
        Field(description="Read the beginning when the model cannot read all (`is_truncated`), or fail"),
    ] = True

    @field_validator("text")
    @classmethod
    def _readable(cls, text: str) -> str:
        if "\0" in text:
            raise ValueError("Text must not contain NUL (U+0000)")
        if not text.strip():
            raise ValueError("Text must not be empty")
        return text


class CreatePrediction(BaseModel):
    """A request for one prediction."""

    model_config = ConfigDict(extra="forbid", strict=True)

    input: PredictionInput
    version: Annotated[
        str | None,
        Field(max_length=300, description="One that is served now, `3` or `barometer/sentiment:3`"),
    ] = None
    model: Annotated[
        str | None, Field(description="A registered model; by default the one that is served")
    ] = None
    priority: Annotated[
        Literal["high", "default", "bulk"], Field(description="Who goes first when many wait")
    ] = "default"
    webhook: Annotated[
        str | None, Field(max_length=2000, description="Called with the prediction when it has ended")
    ] = None
    webhook_events_filter: Annotated[
        list[Literal["start", "output", "logs", "completed"]] | None,
        Field(
            min_length=1,
            max_length=4,
            description="When to call the webhook: when the prediction starts, has an output, has ended "
            "(the default). There are no logs",
        ),
    ] = None
    metadata: Annotated[dict[str, Any] | None, Field(description="Yours; given back as it came")] = None
    stream: Annotated[
        bool | None, Field(description="Replicate's clients send it; every prediction can be streamed")
    ] = None

    @field_validator("metadata")
    @classmethod
    def _storable(cls, metadata: dict[str, Any] | None) -> dict[str, Any] | None:
        try:
            json.dumps(metadata, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("Metadata must not contain half of a surrogate pair") from None
        return metadata


class LabelScore(BaseModel):
    """One label's probability."""

    label: str
    score: Annotated[float, Field(ge=0, le=1)]


class Part(BaseModel):
    """A part of the text, and how far it speaks for the label (or against it, below 0)."""

    token: str
    start: Annotated[int, Field(ge=0, description="Offset of its first character")]
    end: Annotated[int, Field(ge=0, description="Offset behind its last character")]
    weight: float


class Output(LabelScore):
    """The model's answer: the best label, and all of them, best first; with `explain`, also why."""

    scores: list[LabelScore]
    explanation: list[Part] | None = None


class Metrics(BaseModel):
    """Where the time went, in seconds."""

    queue_time: float | None = None
    inference_time: float | None = None
    predict_time: float | None = None
    total_time: float | None = None
    batch_size: int | None = None


class Urls(BaseModel):
    """Where to go next."""

    get: str
    cancel: str
    stream: str
    web: str


class Feedback(BaseModel):
    """What a text really says."""

    model_config = ConfigDict(extra="forbid", strict=True)

    label: Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f]+$", examples=["negative"])]
    source: Annotated[
        str | None, Field(pattern="^[A-Za-z0-9._:/@-]{1,100}$", description="Who says so: a name, no text")
    ] = None


class FeedbackObject(BaseModel):
    """The newest feedback on a prediction."""

    label: str
    source: str | None
    at: str


class PredictionObject(BaseModel):
    """One prediction, as it is now. A superset of Replicate's."""

    id: str
    model: str
    version: Annotated[str, Field(description="The registry version that made the output; empty before")]
    status: Status
    input: dict[str, Any]
    output: Output | None
    error: str | None
    error_code: str | None
    cancel_reason: str | None
    is_truncated: Annotated[bool, Field(description="The model could read the beginning only")]
    logs: str
    metrics: Metrics
    created_at: str
    started_at: str | None
    completed_at: str | None
    expires_at: Annotated[str | None, Field(description="It can be read until then")]
    attempts: int
    metadata: dict[str, Any] | None
    feedback: FeedbackObject | None
    urls: Urls


class PredictionList(BaseModel):
    """A page of predictions, newest first; follow the addresses to the pages beside it."""

    previous: str | None
    next: str | None
    results: list[PredictionObject]


class BatchOptions(BaseModel):
    """What holds for all rows of a batch; parameters of the address, because the body is the rows."""

    model_config = ConfigDict(extra="forbid")

    model: Annotated[str | None, Field(max_length=200, description="A registered model")] = None
    priority: Annotated[
        Literal["high", "default", "bulk"], Field(description="Who goes first when many wait")
    ] = "bulk"
    explain: Annotated[bool, Field(description="Say which words made each answer")] = False
    top_k: Annotated[int | None, Field(ge=1, le=1000, description="List so many labels, not all")] = None
    truncate: Annotated[bool, Field(description="Read the beginning of a long text, or fail it")] = True
    webhook: Annotated[
        str | None, Field(max_length=2000, description="Called with the batch when all rows have ended")
    ] = None
    metadata: Annotated[
        str | None, Field(max_length=2000, description="A JSON object of yours; given back as it came")
    ] = None

    @field_validator("metadata")
    @classmethod
    def _is_object(cls, metadata: str | None) -> str | None:
        if metadata is None:
            return None
        try:
            said = json.dumps(read := json.loads(metadata), ensure_ascii=False, allow_nan=False)
            said.encode()
        except (ValueError, RecursionError):
            raise ValueError("Metadata must be a JSON object") from None
        if not isinstance(read, dict):
            raise ValueError("Metadata must be a JSON object")  # noqa: TRY004 - pydantic's word for it
        return said


class BatchRow(BaseModel):
    """A row that says more than its text; a bare string is a row, too."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, Field(min_length=1, examples=["Two hours late and nobody told us why."])]
    id: Annotated[str | int | None, Field(description="Yours; stands in the row's result")] = None
    metadata: dict[str, Any] | None = None


class BatchCounts(BaseModel):
    """How many rows have come to what; a row that is no text has failed."""

    total: int
    succeeded: int
    failed: int
    canceled: int
    open: int


class BatchUrls(BaseModel):
    """Where to go next."""

    get: str
    results: str
    cancel: str


class BatchObject(BaseModel):
    """Many texts of one request, as they are now."""

    id: str
    status: Literal["receiving", "processing", "completed", "canceled"]
    model: str
    counts: BatchCounts
    progress: Annotated[float, Field(ge=0, le=1, description="Share of the rows that have ended")]
    created_at: str
    completed_at: str | None
    expires_at: str | None
    metadata: dict[str, Any] | None
    urls: BatchUrls


class BatchList(BaseModel):
    """A page of batches, newest first; follow the addresses to the pages beside it."""

    previous: str | None
    next: str | None
    results: list[BatchObject]


class AlertObject(BaseModel):
    """One alert, from fired to resolved."""

    id: str
    rule: str
    subject: Annotated[str, Field(description="What it is about: a model, `MODEL:KEY`, a folder; or nothing")]
    severity: str
    status: Literal["firing", "resolved"]
    summary: str
    count: Annotated[float, Field(description="The figure that was judged")]
    threshold: float
    window_s: float
    fired_at: str
    resolved_at: str | None
    acknowledged_at: str | None
    acknowledged_by: str
    silenced_until: Annotated[str | None, Field(description="It fired in a silence: nobody was told")]


class AlertList(BaseModel):
    """The newest alerts, newest first."""

    results: list[AlertObject]


class WebhookSecret(BaseModel):
    """What a receiver verifies signatures with (Standard Webhooks)."""

    key: Annotated[str, Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])]


def alert_object(alert: Alert) -> dict[str, Any]:
    """Return the alert as clients see it."""
    return {
        "id": alert.id,
        "rule": alert.rule,
        "subject": alert.subject,
        "severity": alert.severity,
        "status": "firing" if alert.resolved_at is None else "resolved",
        "summary": alert.summary,
        "count": alert.count,
        "threshold": alert.threshold,
        "window_s": alert.window_s,
        "fired_at": rfc3339(alert.fired_at),
        "resolved_at": rfc3339(alert.resolved_at),
        "acknowledged_at": rfc3339(alert.acknowledged_at),
        "acknowledged_by": alert.acknowledged_by,
        "silenced_until": rfc3339(alert.silenced_until),
    }
