"""A data set of the Hugging Face hub, as a file to train on.

The hub converts every public data set to Parquet and names the files at one address
(https://huggingface.co/docs/hub/datasets-parquet). So no library of theirs is needed.
"""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests

from trainer.data.files import Columns
from trainer.errors import BadData, BadRequest, ServiceUnavailable

TIMEOUT_S = 60


def fetch(hub: str, name: str, config: str, split: str, columns: Columns, path: Path) -> int:
    """Write texts and labels of one split to a Parquet file; return the number of rows.

    Labels that the hub holds as numbers become the names it has for them.

    Raises:
        BadData: the data set has no such columns.
        BadRequest: there is no such data set or split.
        ServiceUnavailable: the hub cannot be reached.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    addresses = json.loads(_get(f"{hub.rstrip('/')}/api/datasets/{name}/parquet/{config}/{split}", name))
    tables = [pq.read_table(io.BytesIO(_get(address, name))) for address in addresses]
    table = pa.concat_tables(tables)
    for column in (columns.text, columns.label):
        if column not in table.column_names:
            there = ", ".join(table.column_names)
            raise BadData(f"{name} has no column '{column}'; there are: {there}. Name the right one")
    names = _class_names(table.schema.metadata or {}, columns.label)
    labels = [_named(label, names) for label in table[columns.label].to_pylist()]
    texts = table[columns.text].cast(pa.string())
    pq.write_table(pa.table({"text": texts, "label": pa.array(labels, pa.string())}), path)
    return len(labels)


def _get(address: str, name: str) -> bytes:
    try:
        answer = requests.get(address, timeout=TIMEOUT_S)
        answer.raise_for_status()
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else "nothing"
        raise BadRequest(
            f"the hub answers {status} for '{name}': check name, --config and --split; "
            "a private data set has to be downloaded by hand"
        ) from error
    except requests.RequestException as error:
        raise ServiceUnavailable(
            f"'{name}' could not be fetched, the Hugging Face hub does not answer: check the network, "
            "set HF_ENDPOINT to a mirror, or give a file"
        ) from error
    return answer.content


def _class_names(metadata: dict[bytes, bytes], column: str) -> Sequence[str]:
    """Return the label names that the hub stores in a file's schema; none where it stores none."""
    features: dict[str, Any] = (
        json.loads(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features", {})
    )
    names: Sequence[str] = features.get(column, {}).get("names", ())
    return names


def _named(label: object, names: Sequence[str]) -> str:
    if isinstance(label, int) and 0 <= label < len(names):
        return names[label]
    return str(label)
