"""A batch, and a line of its results, as clients see them. Pure."""

import json
from collections.abc import Mapping
from json.encoder import encode_basestring as quoted

from contract.jobs import RETENTION
from contract.states import Status
from gateway.batches.rows import REFUSALS
from gateway.batches.store import Result, row_id
from gateway.times import rfc3339

#: In place of a prediction's status where its record is past its retention.
EXPIRED = "expired"


def batch_status(fields: Mapping[str, str]) -> str:
    """Return ``receiving``, ``processing``, ``completed`` or ``canceled``."""
    if fields.get("completed_at"):
        return "canceled" if fields.get("canceled_at") else "completed"
    return "processing" if fields.get("sealed_at") or fields.get("canceled_at") else "receiving"


def batch_json(fields: Mapping[str, str], base_url: str) -> str:
    """Return the JSON of ``gateway.schemas.BatchObject`` from the hash at ``contract.keys.batch(id)``."""
    url = f"{base_url}/v1/batches/{fields['id']}"
    counts = {name: int(fields.get(name, 0)) for name in ("total", "succeeded", "failed", "canceled")}
    ended = counts["succeeded"] + counts["failed"] + counts["canceled"]
    counts["open"] = max(0, counts["total"] - ended)
    status = batch_status(fields)
    completed = _seconds(fields, "completed_at")
    is_known = status != "receiving" and counts["total"]
    batch = {
        "id": fields["id"],
        "status": status,
        "model": fields["model"],
        "counts": counts,
        "progress": round(min(1.0, ended / counts["total"]), 6) if is_known else 0.0,
        "created_at": rfc3339(float(fields["created_at"])),
        "completed_at": rfc3339(completed),
        "expires_at": rfc3339(completed + RETENTION.total_seconds() if completed else None),
        "metadata": json.loads(fields["metadata"]) if fields.get("metadata") else None,
        "urls": {"get": url, "results": f"{url}/results", "cancel": f"{url}/cancel"},
    }
    return json.dumps(batch, ensure_ascii=False, separators=(",", ":"))


def result_line(batch: str, result: Result, *, has_ended: bool) -> str:
    """Return one line of results, with its end.

    Args:
        batch: its id.
        result: as read.
        has_ended: whether the batch has: what is missing then is past its retention, before it is on its way.
    """
    named = f',"client_id":{result.client_id}' if result.client_id else ""
    if result.refusal:
        error = REFUSALS.get(result.refusal, "The row was refused.")
        return (
            f'{{"row":{result.row},"id":null{named},"status":"failed","version":null,"output":null,'
            f'"error":{quoted(error)},"error_code":{quoted(result.refusal)}}}\n'
        )
    status, version, output, error_text, code, metadata = result.fields
    shown = status or (EXPIRED if has_ended else Status.STARTING)
    said = f',"metadata":{metadata}' if metadata else ""
    return (
        f'{{"row":{result.row},"id":{quoted(row_id(batch, result.row))}{named},"status":"{shown}",'
        f'"version":{_text(version)},"output":{output or "null"},'
        f'"error":{_text(error_text)},"error_code":{_text(code)}{said}}}\n'
    )


def has_ended(fields: Mapping[str, str]) -> bool:
    """Whether nothing of the batch changes any more."""
    return bool(fields.get("completed_at"))


def _seconds(fields: Mapping[str, str], name: str) -> float | None:
    return float(fields[name]) if fields.get(name) else None


def _text(value: str | None) -> str:
    return quoted(value) if value else "null"
