"""The record of a prediction: a Redis hash that the gateway creates and the worker completes.

Times are seconds since the epoch by Redis' own clock. A reader ignores fields it does not know.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from contract.states import TERMINAL, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One prediction as stored. ``output`` is as clients see it, see ``contract.labels``."""

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

    @property
    def is_terminal(self) -> bool:
        """Whether the state can no longer change."""
        return self.status in TERMINAL

    @classmethod
    def from_hash(cls, id: str, fields: Mapping[str, str]) -> Self:
        """Read the hash at ``keys.prediction(id)``.

        Raises:
            KeyError: a field that every record has is missing.
        """
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
    """Return the parsed field, or None where it is absent or empty."""
    value = fields.get(name)
    return parse(value) if value else None
