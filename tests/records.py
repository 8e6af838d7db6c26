"""The record of a prediction, parsed: tests compare values, the services hand text on."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from contract.states import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One prediction as stored."""

    id: str
    model: str
    status: Status
    input: Mapping[str, Any]
    created_at: float
    started_at: float | None = None
    completed_at: float | None = None
    version: str | None = None
    output: Mapping[str, Any] | None = None
    error: str | None = None
    error_code: str | None = None
    cancel_reason: str | None = None
    attempts: int = 0
    inference_s: float | None = None
    batch_size: int | None = None
    webhook: str | None = None
    metadata: Mapping[str, Any] | None = None

    @classmethod
    def from_hash(cls, id: str, fields: Mapping[str, str]) -> Self:
        return cls(
            id=id,
            model=fields["model"],
            status=Status(fields["status"]),
            input=json.loads(fields["input"]),
            created_at=float(fields["created_at"]),
            started_at=_optional(fields, "started_at", float),
            completed_at=_optional(fields, "completed_at", float),
            version=_optional(fields, "version", str),
            output=_optional(fields, "output", json.loads),
            error=_optional(fields, "error", str),
            error_code=_optional(fields, "error_code", str),
            cancel_reason=_optional(fields, "cancel_reason", str),
            attempts=int(fields.get("attempts", 0)),
            inference_s=_optional(fields, "inference_s", float),
            batch_size=_optional(fields, "batch_size", int),
            webhook=_optional(fields, "webhook", str),
            metadata=_optional(fields, "metadata", json.loads),
        )


def _optional(fields: Mapping[str, str], name: str, parse: Any) -> Any:
    value = fields.get(name)
    return parse(value) if value else None
