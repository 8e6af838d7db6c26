"""A prediction as clients see it, written straight from its record.

What Redis holds is text already, and input, output and metadata are JSON already: nothing is parsed to be
written down again. One function for every place that shows a prediction: an answer, a webhook, the end of a
wait.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring as quoted
from typing import cast

from contract.jobs import RETENTION
from contract.predictions import Record
from gateway.links import Links

_KEPT_S = int(RETENTION.total_seconds())


def prediction_json(record: Record, links: Links) -> str:
    """Return the JSON of ``gateway.schemas.PredictionObject``."""
    get = cast("Mapping[str, str]", record).get
    url, stream = links.prediction(record["id"]), links.stream(record["id"], get("owner", ""))
    created, started, completed = get("created_at"), get("started_at"), get("completed_at")
    return (
        f'{{"id":{quoted(record["id"])},"model":{quoted(record["model"])},'
        # The released Python client of Replicate takes no null here.
        f'"version":{quoted(get("version") or "")},"status":"{record["status"]}",'
        f'"input":{record["input"]},"output":{get("output") or "null"},'
        f'"error":{_text(get("error"))},"error_code":{_text(get("error_code"))},'
        f'"cancel_reason":{_text(get("cancel_reason"))},'
        f'"is_truncated":{"true" if get("is_truncated") else "false"},"logs":"",'
        f'"metrics":{{"queue_time":{_between(created, started)},'
        f'"inference_time":{get("inference_s") or "null"},'
        f'"predict_time":{_between(started, completed)},"total_time":{_between(created, completed)},'
        f'"batch_size":{get("batch_size") or "null"}}},'
        f'"created_at":{_time(created)},"started_at":{_time(started)},"completed_at":{_time(completed)},'
        f'"expires_at":{_time(_expiry(completed))},'
        f'"attempts":{get("attempts") or "0"},"metadata":{get("metadata") or "null"},'
        f'"feedback":{_feedback(get("feedback"), get("feedback_source"), get("feedback_at"))},'
        f'"urls":{{"get":{quoted(url)},"cancel":{quoted(url + "/cancel")},"stream":{quoted(stream)},'
        f'"web":{quoted(links.base_url + "/?prediction=" + record["id"])}}}}}'
    )


def _feedback(label: str | None, source: str | None, at: str | None) -> str:
    return f'{{"label":{quoted(label)},"source":{_text(source)},"at":{_time(at)}}}' if label else "null"


def _text(value: str | None) -> str:
    return quoted(value) if value else "null"


def _expiry(completed: str | None) -> str | None:
    """Return when a prediction that ended at this time is forgotten."""
    if not completed:
        return None
    seconds, dot, fraction = completed.partition(".")
    return f"{int(seconds) + _KEPT_S}{dot}{fraction}"


def _between(begin: str | None, end: str | None) -> str:
    """Return the seconds from one time to a later one, to the microsecond."""
    return f"{float(end) - float(begin):.6f}" if begin and end else "null"


def _time(at: str | None) -> str:
    """Return RFC 3339 in UTC, ``"2026-11-22T13:26:00.123456Z"``, for seconds since the epoch."""
    if not at:
        return "null"
    seconds, _, fraction = at.partition(".")
    return f'"{_second(seconds)}.{fraction[:6]:0<6}Z"'


@lru_cache(maxsize=256)
def _second(at: str) -> str:
    """Thousands of predictions share a second, and their clients' a few of them."""
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%S")
