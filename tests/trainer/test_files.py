import json
from pathlib import Path

import pytest

from trainer.data.files import Columns, read
from trainer.errors import BadData

AWKWARD = [
    ('a "quoted" word, and a comma', "positive"),
    ("two\nlines", "negative"),
    ("two\r\nlines", "negative"),
    ("next line \x85 and line separator \u2028 inside", "positive"),
    ("a NUL \x00 inside", "negative"),
    ("NA", "positive"),
    ("null", "negative"),
    ("None", "positive"),
    ("007", "1"),
    ("  blanks kept  ", "0"),
    ("\U0001f642 שלום", "positive"),
    ("long " * 100_000, "negative"),
]


def delimited(rows, delimiter: str) -> str:
    quoted = [delimiter.join('"' + field.replace('"', '""') + '"' for field in row) for row in rows]
    return "\n".join([delimiter.join(("text", "label")), *quoted]) + "\n"


def write(path: Path, rows) -> Path:
    if path.suffix == ".jsonl":
        lines = [json.dumps({"text": text, "label": label}, ensure_ascii=False) for text, label in rows]
        path.write_bytes("\n".join(lines).encode())
    elif path.suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        texts, labels = zip(*rows, strict=True)
        pq.write_table(pa.table({"label": labels, "text": texts}), path)
    else:
        path.write_bytes(delimited(rows, "," if path.suffix == ".csv" else "\t").encode())
    return path


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_every_format_gives_each_row_to_the_letter(tmp_path, suffix):
    file = read(write(tmp_path / f"rows{suffix}", AWKWARD), Columns())
    assert [(row.text, row.label) for row in file.rows] == AWKWARD
    assert [row.number for row in file.rows] == list(range(1, len(AWKWARD) + 1))


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path, suffix):
    path = write(tmp_path / f"rows{suffix}", AWKWARD)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert [(row.text, row.label) for row in read(path, Columns()).rows] == AWKWARD


def test_numbers_in_json_stay_as_they_are_written(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": 1.50, "label": 0}\n')
    assert [(row.text, row.label) for row in read(path, Columns()).rows] == [("1.50", "0")]


def test_whole_numbers_in_parquet_become_text(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"text": ["fine"], "label": [1]}), tmp_path / "rows.parquet")
    assert read(tmp_path / "rows.parquet", Columns()).rows[0].label == "1"


def test_the_digest_is_that_of_the_bytes(tmp_path):
    import hashlib

    path = write(tmp_path / "rows.csv", AWKWARD)
    assert read(path, Columns()).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("rows.xlsx", b"", "the suffix must be one of .csv, .tsv, .jsonl, .parquet"),
        ("rows.csv", b"", "the file is empty"),
        (
            "rows.csv",
            b"review,label\n",
            "there is no column 'text'; there are: review, label. Name the right one",
        ),
        ("rows.csv", b"Text,label\n", "perhaps --text-column 'Text'"),
        ("rows.csv", b"text,sentiment_label\n", "perhaps --label-column 'sentiment_label'"),
        ("rows.csv", b"text,text,label\n", "there are 2 columns 'text'"),
        ("rows.csv", b"text,label\nfine,a\nso, so,b\n", "row 2 (line 3) has 3 fields where the header has 2"),
        ("rows.csv", b"text,label\nfine,a\nfine\n", "row 2 (line 3) has 1 fields where the header has 2"),
        ("rows.csv", b'text,label\nfine,a\n"never closed,b\n', "row 2 (line 3) is broken"),
        ("rows.csv", b'text,label\n"closed" too early,b\n', "row 1 (line 2) is broken"),
        ("rows.csv", b"text,label\nfine,a\ncaf\xe9,b\n", "row 2 is not valid UTF-8"),
        ("rows.tsv", b"text\tlabel\ncaf\xe9\ta\n", "row 1 is not valid UTF-8"),
        ("rows.csv", "text,label\nfine,a\n".encode("utf-16"), "there is no column 'text'"),
        ("rows.jsonl", b'{"text": "a", "label": "b"}\nnonsense\n', "row 2 is not JSON"),
        ("rows.jsonl", b"[" * 100_000, "row 1 is not JSON"),
        ("rows.jsonl", b'["a", "b"]\n', "row 1 is not a JSON object"),
        ("rows.jsonl", b'{"text": null, "label": "b"}\n', "row 1: 'text' is not a string"),
        ("rows.jsonl", b'{"text": "a", "label": "b"}\n{"text": "a"}\n', "row 2: there is no column 'label'"),
        ("rows.jsonl", b'{"text": "\\ud800", "label": "b"}\n', "row 1 is not valid UTF-8"),
        ("rows.parquet", b"not parquet", "this is no Parquet file"),
    ],
)
def test_what_cannot_be_read_is_named_in_one_sentence(tmp_path, name, content, sentence):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(BadData) as caught:
        read(path, Columns())
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_null_in_parquet_is_named(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"text": ["fine", None], "label": ["a", "b"]}), tmp_path / "rows.parquet")
    with pytest.raises(BadData, match="row 2: 'text' is null"):
        read(tmp_path / "rows.parquet", Columns())


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(BadData, match="there is no file"):
        read(tmp_path / "none.csv", Columns())
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(BadData, match="cannot be read: Is a directory"):
        read(tmp_path / "folder.csv", Columns())


def test_a_parquet_file_that_is_broken_inside_is_no_full_disk(tmp_path):
    path = write(tmp_path / "a.parquet", [(f"text {number}", "ab"[number % 2]) for number in range(2_500)])
    content = bytearray(path.read_bytes())
    content[200:2_000] = bytes(1_800)
    path.write_bytes(content)
    with pytest.raises(BadData, match=r"a\.parquet: (it cannot be read to its end|this is no Parquet file)"):
        read(path, Columns())


def test_rows_of_a_long_parquet_file_are_counted_through(tmp_path):
    rows = [(f"text {number}", "ab"[number % 2]) for number in range(2_500)]
    assert [row.number for row in read(write(tmp_path / "a.parquet", rows), Columns()).rows] == [
        *range(1, 2_501)
    ]
    rows[1_700] = ("text", None)
    with pytest.raises(BadData, match="row 1701: 'label' is null"):
        read(write(tmp_path / "b.parquet", rows), Columns())
