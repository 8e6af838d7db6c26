"""A prediction as clients see it: every state is valid against what /openapi.json promises."""

import json
from typing import Any

import pytest

from contract.predictions import Record
from gateway.links import Links
from gateway.rendering import prediction_json
from gateway.schemas import PredictionObject

BEGUN: Record = {
    "id": "p1", "model": "sentiment", "status": "starting", "input": '{"text":"caf\u00e9 \\"x\\""}',
    "created_at": "1700000000.250000", "metadata": '{"order":7}', "webhook": "", "attempts": "0",
}  # fmt: skip
RAN: Record = {**BEGUN, "started_at": "1700000000.500000", "attempts": "2"}
ENDED: Record = {**RAN, "completed_at": "1700000003.000001", "version": "3", "inference_s": "0.002000"}
SUCCEEDED: Record = {
    **ENDED, "status": "succeeded", "batch_size": "64", "is_truncated": "1",
    "output": '{"label":"positive","score":0.75,"scores":[{"label":"positive","score":0.75}]}',
    "feedback": "negative", "feedback_source": "", "feedback_at": "1700000060.500000",
}  # fmt: skip
FAILED: Record = {**ENDED, "status": "failed", "error": 'no "luck"\n', "error_code": "prediction_error"}
CANCELED: Record = {
    **BEGUN, "status": "canceled", "cancel_reason": "deadline", "completed_at": "1700000001.0",
}  # fmt: skip


HERE = Links("http://here", lambda _: None)


def shown(record: Record) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(prediction_json(record, HERE))
    return found


@pytest.mark.parametrize("record", [BEGUN, {**RAN, "status": "processing"}, SUCCEEDED, FAILED, CANCELED])
def test_every_state_is_what_the_schema_promises(record: Record) -> None:
    body = shown(record)
    assert set(body) == set(PredictionObject.model_fields)
    PredictionObject.model_validate_json(prediction_json(record, HERE), strict=True)
    assert body["status"] == record["status"]


def test_values_arrive_as_they_are_stored() -> None:
    body = shown(SUCCEEDED)
    assert body["input"] == {"text": 'caf\u00e9 "x"'}
    assert body["output"]["score"] == 0.75
    assert body["metadata"] == {"order": 7}
    assert body["feedback"] == {"label": "negative", "source": None, "at": "2023-11-14T22:14:20.500000Z"}
    assert (body["version"], body["attempts"], body["is_truncated"]) == ("3", 2, True)
    assert body["metrics"] == {
        "queue_time": 0.25, "inference_time": 0.002, "predict_time": 2.500001, "total_time": 2.750001,
        "batch_size": 64,
    }  # fmt: skip
    assert (body["created_at"], body["completed_at"]) == (
        "2023-11-14T22:13:20.250000Z", "2023-11-14T22:13:23.000001Z",
    )  # fmt: skip
    assert body["urls"] == {
        "get": "http://here/v1/predictions/p1", "cancel": "http://here/v1/predictions/p1/cancel",
        "stream": "http://here/v1/predictions/p1/stream", "web": "http://here/?prediction=p1",
    }  # fmt: skip


def test_what_is_unknown_is_null() -> None:
    body = shown(BEGUN)
    assert body["version"] == "", "Replicate's Python client takes no null there"
    for name in ("feedback", "output", "error", "error_code", "cancel_reason", "started_at", "completed_at"):
        assert body[name] is None
    assert body["metrics"]["total_time"] is None
    assert shown({**BEGUN, "metadata": ""})["metadata"] is None


def test_an_error_is_quoted_as_json() -> None:
    assert shown(FAILED)["error"] == 'no "luck"\n'


def test_a_time_without_fraction_is_a_time() -> None:
    assert shown({**BEGUN, "created_at": "1700000000"})["created_at"] == "2023-11-14T22:13:20.000000Z"
