"""Feedback that the service has collected, as a file to train on.

Read over HTTP, as any client would, so that the trainer needs no right to the predictions in Redis. The
service keeps predictions for a day: collected daily into one file, none is missed. The file holds people's
texts and is readable by its owner only.
"""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from trainer.errors import BadData, ServiceUnavailable

#: As many predictions a page as the service gives.
PAGE = 1_000
TIMEOUT_S = 30


def collect(url: str, key: str, path: Path) -> tuple[int, int]:
    """Bring a JSONL file up to date; return how many of its rows are new and how many bear another label.

    Raises:
        BadData: the file is none of ours.
        ServiceUnavailable: the service does not answer, or not as it should.
    """
    kept = _read(path)
    new = changed = 0
    for row in _feedback(url, key):
        before = kept.get(row["id"])
        new += before is None
        changed += before is not None and before["label"] != row["label"]
        kept[row["id"]] = row
    _write(path, kept)
    return new, changed


def _feedback(url: str, key: str) -> Iterator[dict[str, Any]]:
    """Yield a row for each prediction that somebody has given the true label of."""
    query: str = f"status=succeeded&limit={PAGE}"
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    while query:
        page = _get(f"{url.rstrip('/')}/v1/predictions?{query}", headers)
        for one in page["results"]:
            if one["feedback"] is not None:
                yield {
                    "id": one["id"],
                    "text": one["input"]["text"],
                    "label": one["feedback"]["label"],
                    "source": one["feedback"]["source"],
                    "predicted": one["output"]["label"],
                    "version": one["version"],
                }
        # Only the query: behind a proxy the service may know itself by another address.
        query = urlsplit(page["next"] or "").query


def _get(address: str, headers: Mapping[str, str]) -> dict[str, Any]:
    try:
        answer = requests.get(address, headers=dict(headers), timeout=TIMEOUT_S)
        answer.raise_for_status()
        page: dict[str, Any] = answer.json()
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else "nothing"
        remedy = "give a key with the scope 'read'" if status in {401, 403} else "look at the gateway's log"
        raise ServiceUnavailable(f"the service answers {status}: {remedy}") from error
    except (requests.RequestException, ValueError) as error:
        place = urlsplit(address)
        raise ServiceUnavailable(
            f"no service answers at {place.scheme}://{place.netloc}: start it, or give its address with --url"
        ) from error
    return page


def _read(path: Path) -> dict[str, dict[str, Any]]:
    if not path.exists():
        return {}
    try:
        rows = [json.loads(line) for line in path.read_text("utf-8").split("\n") if line.strip()]
        return {row["id"]: {**row, "label": row["label"]} for row in rows}
    except (ValueError, KeyError, TypeError) as error:
        raise BadData(f"{path.name} is no file of collected feedback: give another name") from error


def _write(path: Path, rows: Mapping[str, Mapping[str, Any]]) -> None:
    """Replace the file at once, so that a crash leaves the old one."""
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows.values())
    # mkstemp makes files that only their owner reads.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(lines)
    Path(name).replace(path)
