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
    metadata: Annotated[dict[str, Any] | None, Field(description="Yours; given back as it came")] = None

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


class PredictionObject(BaseModel):
    """One prediction, as it is now. A superset of Replicate's."""

    id: str
    model: str
    version: Annotated[str | None, Field(description="The registry version that made the output")]
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
    urls: Urls


class PredictionList(BaseModel):
    """A page of predictions, newest first; follow the addresses to the pages beside it."""

    previous: str | None
    next: str | None
    results: list[PredictionObject]


class AlertObject(BaseModel):
    """One alert, from fired to resolved."""

    id: str
    rule: str
    severity: str
    status: Literal["firing", "resolved"]
    summary: str
    count: int
    threshold: int
    window_s: float
    fired_at: str
    resolved_at: str | None


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
        "severity": alert.severity,
        "status": "firing" if alert.resolved_at is None else "resolved",
        "summary": alert.summary,
        "count": alert.count,
        "threshold": alert.threshold,
        "window_s": alert.window_s,
        "fired_at": rfc3339(alert.fired_at),
        "resolved_at": rfc3339(alert.resolved_at),
    }
