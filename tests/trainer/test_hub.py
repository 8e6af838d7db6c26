"""The hub's conversion to Parquet, as its documentation describes it, from a peer on loopback."""

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trainer.data.files import Columns, read
from trainer.data.hub import fetch
from trainer.errors import BadData, BadRequest, ServiceUnavailable

from .peer import peer

FEATURES = {"info": {"features": {"label": {"names": ["neg", "pos"], "_type": "ClassLabel"}}}}


def parquet(texts, labels):
    table = pa.table({"text": texts, "label": labels})
    whole = io.BytesIO()
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(FEATURES)}), whole)
    return whole.getvalue()


@pytest.fixture
def hub():
    files = {"/0.parquet": parquet(["dull", "warm"], [0, 1]), "/1.parquet": parquet(["crisp"], [1])}

    def answer(path, headers):
        if path == "/api/datasets/some/reviews/parquet/default/train":
            return 200, [f"http://{headers['Host']}{file}" for file in files]
        return (200, files[path]) if path in files else (404, {"error": "not found"})

    with peer(answer) as url:
        yield url


def test_all_files_of_a_split_become_one_with_the_labels_names(hub, tmp_path):
    path = tmp_path / "reviews.parquet"
    assert fetch(hub, "some/reviews", "default", "train", Columns(), path) == 3
    assert [(row.text, row.label) for row in read(path, Columns()).rows] == [
        ("dull", "neg"),
        ("warm", "pos"),
        ("crisp", "pos"),
    ]


def test_a_wrong_name_column_or_network_gets_a_sentence(hub, tmp_path):
    path = tmp_path / "reviews.parquet"
    with pytest.raises(BadRequest, match="the hub answers 404 for 'some/others'"):
        fetch(hub, "some/others", "default", "train", Columns(), path)
    with pytest.raises(BadData, match="no column 'review'; there are: text, label"):
        fetch(hub, "some/reviews", "default", "train", Columns(text="review"), path)
    with pytest.raises(ServiceUnavailable, match="does not answer: check the network"):
        fetch("http://127.0.0.1:9", "some/reviews", "default", "train", Columns(), path)
    assert not path.exists()
